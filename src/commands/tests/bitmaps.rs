//! Strings as arrays of bits, and numbers with a fraction: what redis-server 7.0.15 answers.

use super::executor::Executor;
use super::{script, script_on};

const WRONG_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const WRONG_FIELD: &str =
    "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

#[test]
fn single_bits_are_set_and_read() {
    let mut executor = Executor::new();
    executor.turn.string_bytes_max = 1 << 20;
    script_on(
        &mut executor,
        &[
            ("SETBIT k 7 1", ":0"),
            ("SETBIT k 7 0", ":1"),
            ("GETBIT k 7", ":0"),
            ("SETBIT k 8388607 1", ":0"),
            ("STRLEN k", ":1048576"),
            ("GETBIT k 8388607", ":1"),
            ("SETBIT k 8388608 1", WRONG_OFFSET),
            ("GETBIT k 8388608", WRONG_OFFSET),
            ("GETBIT k -1", WRONG_OFFSET),
            ("SETBIT k #1 1", WRONG_OFFSET),
            ("SETBIT k 0 2", "-ERR bit is not an integer or out of range"),
            ("GETBIT nosuch 100", ":0"),
            ("SET n 123", "+OK"),
            ("GETBIT n 3", ":1"),
            ("SETBIT n 0 0", ":0"),
            ("OBJECT ENCODING n", "$3 raw"),
            ("SET t ab PX 10", "+OK"),
            ("SETBIT t 100 1", ":0"),
            ("PTTL t", ":10"),
        ],
    );
}

#[test]
fn bits_are_counted_in_bytes_and_bits() {
    script(&[
        ("SET s foobar", "+OK"),
        ("BITCOUNT s", ":26"),
        ("BITCOUNT s 0 0", ":4"),
        ("BITCOUNT s 5 30 BIT", ":17"),
        ("BITCOUNT s -100 -50", ":4"),
        ("BITCOUNT s 0 -100 bit", ":0"),
        ("BITCOUNT s -1 -2 nosuch", ":0"),
        ("BITCOUNT s 3 2 nosuch", "-ERR syntax error"),
        ("BITCOUNT s 1", "-ERR syntax error"),
        ("BITCOUNT s x 0", "-ERR value is not an integer or out of range"),
        ("BITCOUNT nosuch x", ":0"),
        ("SET n 12", "+OK"),
        ("BITCOUNT n", ":6"),
    ]);
}

#[test]
fn the_first_bit_is_found_in_a_range() {
    let mut executor = Executor::new();
    executor.run(&[b"SET", b"ones", b"\xff\xff"]);
    script_on(
        &mut executor,
        &[
            ("BITPOS ones 0", ":16"),
            ("BITPOS ones 0 1", ":16"),
            ("BITPOS ones 0 2", ":-1"),
            ("BITPOS ones 0 0 -1", ":-1"),
            ("BITPOS ones 1 3 -1 BIT", ":3"),
            ("BITPOS ones 2", "-ERR The bit argument must be 1 or 0."),
            ("BITPOS ones 1 0 x nosuch", "-ERR syntax error"),
            ("BITPOS ones 1 x 1 BIT x", "-ERR syntax error"),
            ("BITPOS ones 1 x 1 nosuch", "-ERR value is not an integer or out of range"),
            ("BITPOS nosuch 0 x", ":0"),
            ("BITPOS nosuch 1", ":-1"),
            ("SET empty ''", "+OK"),
            ("BITPOS empty 0", ":-1"),
        ],
    );
}

#[test]
fn strings_are_combined_into_another() {
    script(&[
        ("MSET s foobar t abc", "+OK"),
        ("BITOP AND d s t", ":6"),
        ("BITCOUNT d 3 5", ":0"),
        ("BITOP XOR d s s", ":6"),
        ("BITCOUNT d", ":0"),
        ("BITOP NOT d d", ":6"),
        ("BITCOUNT d", ":48"),
        ("SET d x EX 10", "+OK"),
        ("SET n 123", "+OK"),
        ("BITOP OR d n", ":3"),
        ("TTL d", ":-1"),
        ("OBJECT ENCODING d", "$3 raw"),
        ("BITOP OR d nosuch", ":0"),
        ("EXISTS d", ":0"),
        ("BITOP nosuch d s", "-ERR syntax error"),
        ("BITOP NOT d s t", "-ERR BITOP NOT must be called with a single source key."),
    ]);
}

#[test]
fn fields_are_read_and_changed() {
    script(&[
        ("BITFIELD k SET u8 0 300 GET u8 0", "*2 :0 :44"),
        (
            "BITFIELD k OVERFLOW FAIL INCRBY u8 0 250 OVERFLOW SAT INCRBY u8 0 250 GET u4 #1",
            "*3 $-1 :255 :15",
        ),
        ("BITFIELD k SET i5 0 16 GET i5 0", "*2 :-1 :-16"),
        ("BITFIELD k OVERFLOW SAT SET u63 0 -1 GET u63 0", "*2 :4863887597560135680 :9223372036854775807"),
        ("BITFIELD k", "*0"),
        ("BITFIELD k GET u64 0", WRONG_FIELD),
        ("BITFIELD k GET u08 0", WRONG_FIELD),
        ("BITFIELD k GET u8 ##1", WRONG_OFFSET),
        ("BITFIELD k GET u8 #536870912", WRONG_OFFSET),
        ("BITFIELD k GET u8 4294967295", "*1 :0"),
        ("BITFIELD k SET u8 0 x", "-ERR value is not an integer or out of range"),
        ("BITFIELD k OVERFLOW nosuch", "-ERR Invalid OVERFLOW type specified"),
        ("BITFIELD k OVERFLOW", "-ERR syntax error"),
        ("BITFIELD nosuch GET u8 0", "*1 :0"),
        ("EXISTS nosuch", ":0"),
        ("BITFIELD nosuch OVERFLOW FAIL SET u8 100 300", "*1 $-1"),
        ("STRLEN nosuch", ":14"),
        ("BITFIELD_RO k OVERFLOW FAIL GET u4 0", "*1 :15"),
        ("BITFIELD_RO k GET u8 0 SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
    ]);
}

#[test]
fn numbers_with_a_fraction_are_stored_as_text() {
    let not_float = "-ERR value is not a valid float";
    let endless = "-ERR increment would produce NaN or Infinity";
    script(&[
        ("INCRBYFLOAT f 0.1", "$3 0.1"),
        ("INCRBYFLOAT f 0.2", "$3 0.3"),
        ("SET n 5 PX 10", "+OK"),
        ("INCRBYFLOAT n 1", "$1 6"),
        ("OBJECT ENCODING n", "$6 embstr"),
        ("PTTL n", ":10"),
        ("INCR n", ":7"),
        ("INCRBYFLOAT n inf", endless),
        ("INCRBYFLOAT n nan", not_float),
        ("INCRBYFLOAT n ' 1'", not_float),
        ("SET s x", "+OK"),
        ("INCRBYFLOAT s 1", not_float),
        ("SET s inf", "+OK"),
        ("INCRBYFLOAT s 1", endless),
    ]);
}

#[test]
fn common_sequences_are_found() {
    let too_large = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    let mut executor = Executor::new();
    executor.turn.string_bytes_max = 400;
    script_on(
        &mut executor,
        &[
            ("MSET a ohmytext b mynewtext", "+OK"),
            ("LCS a b", "$6 mytext"),
            ("LCS a b LEN", ":6"),
            ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6"),
            ("LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."),
            ("LCS a b MINMATCHLEN", "-ERR syntax error"),
            ("LCS a nosuch", "$0"),
            // A table of 10 by 10 lengths is the largest that is made.
            ("MSET a 123456789 b 123456789", "+OK"),
            ("LCS a b", "$9 123456789"),
            ("SET a 1234567890", "+OK"),
            ("LCS a b LEN", too_large),
        ],
    );
}
