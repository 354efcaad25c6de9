//! The ways in which the stand-in for Render misbehaves, by name.

use std::str::FromStr;

use crate::fault::UnknownFault;

macro_rules! faults {
    ($($variant:ident = $name:literal: $about:literal,)*) => {
        /// One way in which the stand-in misbehaves while it is switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = $about] $variant,)*
        }

        impl Fault {
            /// Every fault, in the order of this file.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant,)*];

            /// The name by which `/lab/faults` and [`FromStr`] know it.
            pub const fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name,)* }
            }

            /// What is wrong while it is on, in one line.
            pub const fn about(self) -> &'static str {
                match self { $(Fault::$variant => $about,)* }
            }
        }
    };
}

faults! {
    AcceptedWithoutBody = "202-no-body": "a deploy is accepted with 202 and no body",
    RefusedKey = "401": "every key is refused",
    ForbiddenKey = "403": "the key may not write",
    Conflict = "409": "a deploy is refused because another one is under way",
    Gone = "410": "the service is gone",
    LimitedEpoch = "429-epoch": "the next write is rate limited, the reset given as a time",
    LimitedSeconds = "429-seconds": "the next write is rate limited, the reset given in seconds",
    BrokenPost = "500-post": "a deploy is carried out and answered with 500",
    BuildFailed = "build_failed": "the deploy fails; the old one goes on serving",
    Canceled = "canceled": "somebody cancels the deploy; the old one goes on serving",
    Deactivated = "deactivated": "somebody else's deploy takes the place of this one",
    DropAfterPatch = "drop-after-patch": "the image is set and the connection drops",
    DropAfterPost = "drop-after-post": "the deploy is made and the connection drops",
    Endless = "endless": "reads are answered with a body that does not end",
    Html = "html": "reads are answered with a web page",
    LostPatch = "lost-patch": "the connection drops before the image is set",
    LostPost = "lost-post": "the connection drops before a deploy is made",
    MovedImage = "moved-image": "the service is set to an image of another repository",
    NoDigest = "no-digest": "deploys do not say which digest runs",
    QueuedLong = "queued-long": "a deploy is queued for a long time",
    Reconfigured = "reconfigured": "the service is set to another digest as soon as a deploy is live",
    Redirect = "redirect": "reads are redirected to another host",
    ServesAnotherDigest = "serves-another-digest": "a deploy is live and runs another digest",
    Slow = "slow": "every answer takes three seconds",
    UnavailableReads = "503-reads": "reads are answered with 503 once a deploy was made",
    UnknownStatus = "unknown-status": "a deploy stays in a status that is not documented",
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Fault, UnknownFault> {
        let found = Fault::ALL
            .iter()
            .copied()
            .find(|fault| fault.name() == name);
        found.ok_or_else(|| UnknownFault(name.to_owned()))
    }
}
