//! The slots of one request, which its extensions carry: one for each session middleware around the
//! handler. Two middlewares that write one cookie would wipe each other out, so that is looked for.

use std::any::{Any, type_name};
use std::sync::Arc;

/// The slots of the middlewares around a handler, the innermost first. One value carries them all, so
/// that a request costs one entry in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    slot: Arc<dyn Any + Send + Sync>,
    cookie_name: Arc<str>,
    type_name: &'static str,
    outer: Option<Arc<Slots>>,
}

/// Two middlewares of different types that write one cookie, one inside the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nested {
    pub(crate) outer: &'static str,
    pub(crate) inner: &'static str,
}

impl Slots {
    /// Adds the slot of a middleware for `T` to those of `outer`.
    pub(crate) fn inside<T>(
        outer: Option<Slots>,
        slot: Arc<dyn Any + Send + Sync>,
        cookie_name: &Arc<str>,
    ) -> Slots {
        let (cookie_name, outer) = (Arc::clone(cookie_name), outer.map(Arc::new));
        Slots { slot, cookie_name, type_name: type_name::<T>(), outer }
    }

    /// Returns the middleware around a new one for `T` that it would get in the way of.
    pub(crate) fn conflict<T>(outer: Option<&Slots>, cookie_name: &str) -> Option<Nested> {
        let inner = type_name::<T>();
        // Of two of one type the inner one wins, and the outer one is never asked.
        let other = Slots::all(outer)
            .find(|slots| &*slots.cookie_name == cookie_name && slots.type_name != inner);
        other.map(|slots| Nested { outer: slots.type_name, inner })
    }

    /// Returns the innermost slot of type `S`.
    pub(crate) fn find<S: Send + Sync + 'static>(&self) -> Option<Arc<S>> {
        Slots::all(Some(self)).find_map(|slots| Arc::clone(&slots.slot).downcast().ok())
    }

    fn all(innermost: Option<&Slots>) -> impl Iterator<Item = &Slots> {
        std::iter::successors(innermost, |slots| slots.outer.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        let first = Slots::inside::<u8>(None, Arc::new(1_u8), &"a".into());
        Slots::inside::<u16>(Some(first), Arc::new(2_u16), &"b".into())
    }

    #[test]
    fn each_type_finds_its_innermost_slot() {
        assert_eq!(slots().find(), Some(Arc::new(1_u8)));
        assert_eq!(slots().find(), Some(Arc::new(2_u16)));
        assert_eq!(slots().find::<u32>(), None);
        let inner = Slots::inside::<u8>(Some(slots()), Arc::new(3_u8), &"a".into());
        assert_eq!(inner.find(), Some(Arc::new(3_u8)));
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
