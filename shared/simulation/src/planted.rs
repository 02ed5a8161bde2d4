//! Bugs that are planted, one at a time, to see whether the simulation notices.
//!
//! None of them is in the ledger's or the gateway's code: they are put between the gateway and its
//! ports, or into what the ledger asks of the database, so that nothing of them can be shipped.

mod ports;
mod wire;

use std::sync::Arc;

use farthing_domain::ports::{Ledger, Provider};

use crate::world::Sim;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Bug {
            /// Every bug: the fifteen of the protocol's own list first.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The bug's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

bugs! {
    /// The month's money is looked at first and taken later.
    CheckThenAct = "check then act",
    /// A send without a reply is taken to have cost nothing.
    VoidOnTimeout = "void on timeout",
    /// A reservation that expires is given back.
    ExpireVoids = "expire voids",
    /// Neither the row nor the token keeps a reservation from being made twice.
    NoDurableToken = "no durable token",
    /// A charge goes to the month of its resolution.
    SettleInTodaysMonth = "settle in today's month",
    /// A result that comes after the sweep is charged as if there had been none.
    LateIgnoresTheSweep = "late ignores the sweep",
    /// A failed send is sent again under the same reservation.
    RetryOnTheSameReservation = "retry on the same reservation",
    /// A reservation of which nothing is known is taken to be made.
    SendOnAmbiguousReserve = "send on ambiguous reserve",
    /// A request's own limit is not looked at.
    NoEnvelope = "no envelope",
    /// What is left of the month is reserved when the worst case does not fit.
    ReservationCappedToHeadRoom = "reservation capped to head-room",
    /// An invocation that was taken over ends the key all the same.
    NoFenceOnDone = "no fence on done",
    /// The sweeper charges what its list says, whatever became of it.
    SweepWithoutCondition = "sweep without condition",
    /// A lease is over before its invocation is.
    LeaseTooShort = "lease too short",
    /// The deadline counts from the start of the work, the lease from that of the invocation.
    DeadlineFromWorkStart = "deadline from work start",
    /// Whoever takes a key over has its whole limit again.
    TakeoverRefillsTheEnvelope = "takeover refills the envelope",
    /// A charge above its reservation does not stop the month.
    OverageGoesOn = "overage goes on",
    /// Money is reserved although the month is stopped.
    StopIsIgnored = "stop is ignored",
    /// Money is reserved with prices that the ledger does not go by.
    PricesAreIgnored = "prices are ignored",
    /// A key that is done can be claimed again.
    DoneIsClaimedAgain = "done is claimed again",
    /// Whoever was taken over ends the weekly job all the same.
    NoFenceOnTheJob = "no fence on the job",
    /// Money is reserved although the clock is wrong.
    SkewIsIgnored = "skew is ignored",
}

impl Bug {
    /// The bug with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|bug| bug.as_str() == name)
    }

    /// The request body that the ledger would send with this bug; `None` when it is the same.
    pub(crate) fn on_wire(self, body: &str, sim: &Sim) -> Option<String> {
        wire::tampered(self, body, sim)
    }

    /// The ledger, with the world's bug over it.
    pub(crate) fn over_ledger(sim: &Arc<Sim>, ledger: Arc<dyn Ledger>) -> Arc<dyn Ledger> {
        match sim.bug {
            None => ledger,
            Some(bug) => Arc::new(ports::BuggyLedger { bug, sim: Arc::clone(sim), inner: ledger }),
        }
    }

    /// The provider, with the world's bug over it.
    pub(crate) fn over_provider(sim: &Sim, provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        match sim.bug {
            Some(Self::RetryOnTheSameReservation) => Arc::new(ports::SendsTwice(provider)),
            _ => provider,
        }
    }
}
