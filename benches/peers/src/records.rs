//! What is stored: three sessions from small to large.

use std::fmt::Debug;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A session's data, as an application would define it.
pub trait Record:
    Serialize + DeserializeOwned + Clone + Default + PartialEq + Debug + Send + Sync + 'static
{
    /// How the tables call it.
    const NAME: &'static str;

    /// The filled-in value that every contestant stores.
    fn sample() -> Self;

    /// The smallest change a handler makes: one more page view.
    fn touch(&mut self);
}

/// The tutorial's session: how often did you visit this page?
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    views: u32,
}

impl Record for Counter {
    const NAME: &'static str = "counter";

    fn sample() -> Self {
        Self { views: 41 }
    }

    fn touch(&mut self) {
        self.views += 1;
    }
}

/// Somebody is signed in: 233 bytes of compact JSON, 102 bytes of postcard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Login {
    user_id: u64,
    name: String,
    email: String,
    roles: Vec<String>,
    csrf_token: String,
    signed_in_at: u64,
    last_page: String,
    page_views: u32,
    flash_messages: Vec<String>,
}

impl Login {
    /// Whose session it is.
    pub fn user_id(&self) -> Option<String> {
        (self.user_id > 0).then(|| self.user_id.to_string())
    }
}

impl Record for Login {
    const NAME: &'static str = "login";

    fn sample() -> Self {
        Self {
            user_id: 184_213,
            name: "Ada Lovelace".into(),
            email: "ada.lovelace@example.com".into(),
            roles: vec!["editor".into(), "billing".into()],
            csrf_token: "mK3x9QpL7vTz2RfWc8YdNA".into(),
            signed_in_at: 1_794_000_000,
            last_page: "/orders/2026-7".into(),
            page_views: 41,
            flash_messages: Vec::new(),
        }
    }

    fn touch(&mut self) {
        self.page_views += 1;
    }
}

/// A full shopping cart: about 2 KB of JSON, as much as a cookie sensibly holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cart {
    currency: String,
    coupon: Option<String>,
    items: Vec<Item>,
    views: u32,
}

/// One line of a [`Cart`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    sku: String,
    title: String,
    colour: String,
    quantity: u32,
    price_cents: u32,
    gift: bool,
}

impl Record for Cart {
    const NAME: &'static str = "cart";

    fn sample() -> Self {
        let titles = [
            "Merino base layer, long sleeve, size M",
            "Insulated steel bottle, 750 ml",
            "Trail running socks, three pairs",
            "Head torch with rechargeable battery",
        ];
        let colours = ["forest green", "midnight blue", "sand"];
        let items = (0..15usize)
            .map(|line| Item {
                sku: format!("SKU-{:06}", 104_729 + 7_919 * line),
                title: titles[line % titles.len()].into(),
                colour: colours[line % colours.len()].into(),
                quantity: 1 + line as u32 % 3,
                price_cents: 1_299 + 850 * line as u32,
                gift: line % 4 == 0,
            })
            .collect();
        Self { currency: "EUR".into(), coupon: Some("SPRING-2026".into()), items, views: 41 }
    }

    fn touch(&mut self) {
        self.views += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes<T: Record>() -> (usize, usize) {
        let json = serde_json::to_vec(&T::sample()).unwrap();
        let mut space = [0; 4096];
        let postcard = postcard::to_slice(&T::sample(), &mut space).unwrap();
        (json.len(), postcard.len())
    }

    /// Figures of two days can only be compared while the records stay the same.
    #[test]
    fn the_records_keep_their_sizes() {
        assert_eq!(sizes::<Counter>(), (12, 1));
        assert_eq!(sizes::<Login>(), (233, 102));
        assert_eq!(sizes::<Cart>(), (2_050, 927));
    }
}
