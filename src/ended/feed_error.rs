//! What can go wrong with a feed.

use std::{fmt, io};

/// A feed could not be opened, or does not do what it was asked. `Debug` prints what `Display` does
/// and what the system said, because `main` returns it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The list has a feed, and an end that one has sent would never reach the other.
    #[error(
        "this list of ended sessions already has a feed: drop that one first, or make a second list"
    )]
    AnotherFeed,
    /// The file, or its folder, cannot be used as it is.
    #[error("the file of ended sessions {path}: {problem}")]
    File {
        /// The file's path.
        path: String,
        /// What is wrong, and the fix.
        problem: String,
    },
    /// The disk refused.
    #[error("the file of ended sessions {path} cannot be {action}")]
    Disk {
        /// The file's path.
        path: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No thread could be started.
    #[error("the thread that carries ended sessions could not be started")]
    Thread(#[source] io::Error),
    /// Redis could not be reached, or refused.
    #[error("Redis at {address}: {problem}")]
    Redis {
        /// Host, port and database, without user and password.
        address: String,
        /// What is wrong, and the fix.
        problem: String,
    },
    /// Not everything could be sent in the given time.
    #[error(
        "{unsent} ended sessions could not be sent in time and are lost if the process ends: `health` \
         tells why"
    )]
    Unsent {
        /// How many entries are left.
        unsent: usize,
    },
}

impl FeedError {
    /// With what the system said, because health and events are read by people.
    pub(crate) fn told(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Debug for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_main_returns_is_the_message_with_what_the_system_said() {
        let full = io::Error::other("no space left");
        let error =
            FeedError::Disk { path: "ended.log".to_owned(), action: "written", source: full };
        assert_eq!(error.to_string(), "the file of ended sessions ended.log cannot be written");
        assert_eq!(format!("{error:?}"), format!("{error}: no space left"));
        assert_eq!(format!("{:?}", FeedError::AnotherFeed), FeedError::AnotherFeed.to_string());
    }
}
