//! The part of the room `types` that `codec` needs: the whole of it has dependencies of its own.

#[path = "../src/types/decimal.rs"]
pub mod decimal;
