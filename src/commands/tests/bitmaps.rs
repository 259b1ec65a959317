//! Numbers with a fraction: what redis-server 7.0.15 answers.

use super::script;
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
