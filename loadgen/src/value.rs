//! One reply as a value, for the few that are looked into.

/// A reply, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nothing,
    Text(String),
    Integer(i64),
    Array(Vec<Value>),
}

/// Values within values that are read.
const NESTING_MAX: usize = 16;

impl Value {
    /// The value at the beginning of whole replies; `None` when it is of another kind or cut short.
    pub fn read(bytes: &[u8]) -> Option<Value> {
        read(bytes, 0).map(|(value, _)| value)
    }

    pub fn array(&self) -> Option<&[Value]> {
        if let Value::Array(values) = self { Some(values) } else { None }
    }

    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub fn integer(&self) -> Option<i64> {
        if let Value::Integer(number) = self { Some(*number) } else { None }
    }
}

fn read(bytes: &[u8], nesting: usize) -> Option<(Value, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = (std::str::from_utf8(&bytes[1..end]).ok()?, &bytes[end + 2..]);
    match bytes[0] {
        b'+' => Some((Value::Text(line.to_owned()), rest)),
        b':' => Some((Value::Integer(line.parse().ok()?), rest)),
        b'_' => Some((Value::Nothing, rest)),
        b'$' | b'*' if line == "-1" => Some((Value::Nothing, rest)),
        b'$' => {
            let length: usize = line.parse().ok()?;
            let text = String::from_utf8_lossy(rest.get(..length)?).into_owned();
            Some((Value::Text(text), rest.get(length + 2..)?))
        }
        // A map is the array of its keys and values.
        kind @ (b'*' | b'~' | b'%') if nesting < NESTING_MAX => {
            let count = line.parse::<usize>().ok()?.checked_mul(if kind == b'%' { 2 } else { 1 })?;
            let (mut values, mut rest) = (Vec::new(), rest);
            for _ in 0..count {
                let (value, after) = read(rest, nesting + 1)?;
                values.push(value);
                rest = after;
            }
            Some((Value::Array(values), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn replies_become_values() {
        let text = |text: &str| Value::Text(text.to_owned());
        let check = |bytes: &str, value: Option<Value>| assert_eq!(Value::read(bytes.as_bytes()), value);
        check("+OK\r\n", Some(text("OK")));
        check(
            "*2\r\n:1\r\n*1\r\n$2\r\nab\r\n",
            Some(Value::Array(vec![Value::Integer(1), Value::Array(vec![text("ab")])])),
        );
        check("%1\r\n+a\r\n$-1\r\n", Some(Value::Array(vec![text("a"), Value::Nothing])));
        for broken in ["", "+OK", "$5\r\nab\r\n", "*2\r\n:1\r\n", "-ERR\r\n", "*9999999999999999999\r\n"] {
            check(broken, None);
        }
    }
}
