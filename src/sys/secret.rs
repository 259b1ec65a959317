//! A password as the digest that is kept in its place.

use std::fmt;

use sha2::{Digest, Sha256};

/// The SHA-256 of a password. Comparing digests takes the same time wherever a guess goes wrong.
#[derive(Clone, Copy)]
pub struct Secret([u8; 32]);

impl Secret {
    pub fn of(password: &[u8]) -> Self {
        Secret(Sha256::digest(password).into())
    }

    /// Whether `guess` is the password.
    pub fn is(&self, guess: &[u8]) -> bool {
        *self == Secret::of(guess)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differing, (one, two)| differing | (one ^ two)) == 0
    }
}

impl Eq for Secret {}

/// Says nothing: settings are printed when something goes wrong.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn only_the_password_is_the_password() {
        let secret = Secret::of(b"sesame");
        assert!(secret.is(b"sesame"));
        for guess in [&b""[..], b"sesam", b"sesame ", b"Sesame", b"sesame\0"] {
            assert!(!secret.is(guess), "{guess:?}");
        }
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
