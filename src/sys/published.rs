//! A name that one thread publishes and others read, without a lock.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The name last published.
pub struct PublishedName(AtomicPtr<&'static str>);

impl Default for PublishedName {
    fn default() -> Self {
        PublishedName(AtomicPtr::new(null_mut()))
    }
}

impl PublishedName {
    #[inline]
    pub fn set(&self, name: &'static &'static str) {
        self.0.store(std::ptr::from_ref(name).cast_mut(), Ordering::Relaxed);
    }

    pub fn read(&self) -> Option<&'static str> {
        let name = self.0.load(Ordering::Relaxed);
        // SAFETY: it is null or one that `set` stored, which lives for ever and never changes.
        unsafe { name.as_ref() }.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::PublishedName;

    #[test]
    fn the_last_name_is_read() {
        let published = PublishedName::default();
        assert_eq!(published.read(), None);
        for name in [&"GET", &"SET"] {
            published.set(name);
            assert_eq!(published.read(), Some(*name));
        }
    }
}
