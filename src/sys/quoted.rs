//! Bytes as text in quotes, as configuration files and MONITOR show them.

/// Appends `bytes` in double quotes; what is not printable ASCII becomes an escape sequence.
pub fn write_quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            other => out.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::write_quoted;

    #[test]
    fn quoted_bytes_fit_one_line_of_ascii() {
        let mut out = Vec::new();
        write_quoted(b"a \"\\\n\r\t\x07\x08\x00\x7f\xff~", &mut out);
        assert_eq!(out, br#""a \"\\\n\r\t\a\b\x00\x7f\xff~""#);
    }
}
