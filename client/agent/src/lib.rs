//! The owner's side: compiles, delivers, collects.
