//! The slots of one request, which its extensions carry: one for each session middleware around the
//! handler. Two middlewares that write one cookie would wipe each other out, so that is looked for.

use std::any::{Any, type_name};
use std::sync::Arc;

/// A middleware's slot, as those around and inside it see it.
pub(crate) trait AnySlot: Any + Send + Sync {
    /// The cookie that the middleware writes.
    fn cookie_name(&self) -> &str;

    /// The type of its sessions' data.
    fn type_name(&self) -> &'static str;
}

/// The slots of the middlewares around a handler, the innermost first. One value carries them all, so
/// that a request costs one entry in its extensions.
#[derive(Clone)]
pub(crate) struct Slots {
    slot: Arc<dyn AnySlot>,
    outer: Option<Arc<Slots>>,
}

/// Two middlewares of different types that write one cookie, one inside the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nested {
    pub(crate) outer: &'static str,
    pub(crate) inner: &'static str,
}

impl Slots {
    /// Adds a middleware's slot to those of `outer`.
    pub(crate) fn inside(outer: Option<Slots>, slot: Arc<dyn AnySlot>) -> Slots {
        Slots { slot, outer: outer.map(Arc::new) }
    }

    /// Returns the middleware around a new one for `T` that it would get in the way of.
    pub(crate) fn conflict<T>(outer: Option<&Slots>, cookie_name: &str) -> Option<Nested> {
        let inner = type_name::<T>();
        // Of two of one type the inner one wins, and the outer one is never asked.
        let other = Slots::all(outer)
            .map(|slots| &slots.slot)
            .find(|slot| slot.cookie_name() == cookie_name && slot.type_name() != inner);
        other.map(|slot| Nested { outer: slot.type_name(), inner })
    }

    /// Returns the innermost slot of type `S`.
    pub(crate) fn find<S: AnySlot>(&self) -> Option<Arc<S>> {
        Slots::all(Some(self)).find_map(|slots| {
            let slot: Arc<dyn Any + Send + Sync> = Arc::clone(&slots.slot) as _;
            slot.downcast().ok()
        })
    }

    fn all(innermost: Option<&Slots>) -> impl Iterator<Item = &Slots> {
        std::iter::successors(innermost, |slots| slots.outer.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot of a middleware for `T` that writes the cookie of this name.
    struct Of<T>(&'static str, T);

    impl<T: Send + Sync + 'static> AnySlot for Of<T> {
        fn cookie_name(&self) -> &str {
            self.0
        }

        fn type_name(&self) -> &'static str {
            type_name::<T>()
        }
    }

    fn slots() -> Slots {
        let first = Slots::inside(None, Arc::new(Of("a", 1_u8)));
        Slots::inside(Some(first), Arc::new(Of("b", 2_u16)))
    }

    fn found<T: Copy + Send + Sync + 'static>(slots: &Slots) -> Option<T> {
        slots.find::<Of<T>>().map(|slot| slot.1)
    }

    #[test]
    fn each_type_finds_its_innermost_slot() {
        assert_eq!(found(&slots()), Some(1_u8));
        assert_eq!(found(&slots()), Some(2_u16));
        assert_eq!(found::<u32>(&slots()), None);
        let inner = Slots::inside(Some(slots()), Arc::new(Of("a", 3_u8)));
        assert_eq!(found(&inner), Some(3_u8));
    }

    #[test]
    fn another_type_under_one_name_is_told_however_far_out_it_is() {
        let nested = Nested { outer: "u8", inner: "u32" };
        assert_eq!(Slots::conflict::<u32>(Some(&slots()), "a"), Some(nested));
        assert_eq!(Slots::conflict::<u32>(Some(&slots()), "c"), None);
        assert_eq!(Slots::conflict::<u32>(None, "a"), None);
    }

    #[test]
    fn one_type_under_one_name_is_no_mistake() {
        assert_eq!(Slots::conflict::<u8>(Some(&slots()), "a"), None);
    }
}
