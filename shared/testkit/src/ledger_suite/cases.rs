//! The cases: what a ledger must do, step by step.

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;

use super::script::play;

/// A script for a fresh ledger.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it shows.
    pub shows: &'static str,
    /// The month's cap in dollars.
    pub cap: &'static str,
    /// The percentage of it that may be spent.
    pub stop_percent: u8,
    /// The steps.
    pub script: &'static str,
}

impl Case {
    /// Plays the case on a fresh ledger.
    ///
    /// # Panics
    /// When something else comes of a step.
    pub async fn check(&self, make: &impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
        let cap = Usd::parse(self.cap).unwrap_or_else(|error| panic!("{error}"));
        play(make(cap, self.stop_percent).await, &format!("# {}\n{}", self.shows, self.script)).await;
    }
}

/// Every case.
pub const CASES: &[Case] = &[
    Case {
        shows: "a fresh month has all of its money but the floor",
        cap: "200",
        stop_percent: 95,
        script: "books -> open: 190.000000 free, 0.000000 reserved, 0.000000 charged, 0.000000 unknown",
    },
    Case {
        shows: "a key is held by one invocation, and its reply is given again",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            acquire 1 a 7 0.05
            acquire 1 b 7 0.05 -> in progress for 33s
            acquire 1 b 8 0.05 -> other payload
            acquire 2 b 8 0.05
            wait 3
            acquire 1 b 7 0.05 -> in progress for 30s
            finish 1 b 200 -> taken over
            finish 1 a 200
            finish 1 a 200
            acquire 1 b 7 0.05 -> done 200 1a
            acquire 1 a 7 0.05 -> done 200 1a
            acquire 1 b 8 0.05 -> other payload
            wait 86400
            acquire 1 b 7 0.05 -> done 200 1a",
    },
    Case {
        shows: "an error is a reply too, and a key of one's own ends without one",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            finish 1 a 502
            acquire 1 b 7 0.05 -> done 502 1a
            acquire 2 a 7 0.05
            end 2 a
            acquire 2 b 7 0.05 -> unavailable
            reserve 2 b 0 0.01 -> fenced",
    },
    Case {
        shows: "a takeover waits for the lease, and finds what is left of the envelope",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.03
            wait 33
            acquire 1 b 7 0.05 -> in progress for 0ns
            wait 1
            acquire 1 b 8 0.05 -> other payload
            acquire 1 b 7 0.05
            reserve 1 b 0 0.03 -> request limit, 0.020000 left
            reserve 1 a 2 0.01 -> fenced
            reserve 1 b 1 0.02
            reserve 1 b 2 0.000001 -> request limit, 0.000000 left
            reserve 1 a 1 0.01 -> fenced
            finish 1 a 200 -> taken over
            post 1 a 0 0.01 -> charged 0.010000
            acquire 1 a 7 0.05 -> in progress for 33s
            finish 1 b 200
            acquire 1 a 7 0.05 -> done 200 1b
            post 1 b 1 0.02 -> charged 0.020000
            books -> open: 189.970000 free, 0.000000 reserved, 0.030000 charged, 0.000000 unknown",
    },
    Case {
        shows: "a released key may be taken over at once, with what is left",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            release 1 b
            acquire 1 b 7 0.05 -> in progress for 33s
            reserve 1 a 0 0.04
            void 1 a 0 -> charged 0.000000
            release 1 a
            acquire 1 b 7 0.05
            release 1 a
            acquire 1 c 7 0.05 -> in progress for 33s
            reserve 1 b 0 0.04 -> request limit, 0.010000 left
            reserve 1 b 1 0.01
            finish 1 a 200 -> taken over",
    },
    Case {
        shows: "nothing is reserved without a claim, or after the end",
        cap: "200",
        stop_percent: 95,
        script: "
            reserve 1 a 0 0.01 -> fenced
            acquire 1 a 7 0.05
            finish 1 a 200
            reserve 1 a 1 0.01 -> fenced
            release 1 a
            acquire 1 b 7 0.05 -> done 200 1a
            books -> open: 190.000000 free, 0.000000 reserved, 0.000000 charged, 0.000000 unknown",
    },
    Case {
        shows: "posted gives the rest back, unknown charges all, voided charges nothing",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            books -> open: 189.980000 free, 0.020000 reserved, 0.000000 charged, 0.000000 unknown
            post 1 a 0 0.005 -> charged 0.005000
            reserve 1 a 1 0.01
            unknown 1 a 1 -> charged 0.010000
            reserve 1 a 2 0.01
            void 1 a 2 -> charged 0.000000
            books -> open: 189.985000 free, 0.000000 reserved, 0.015000 charged, 0.010000 unknown
            reserve 1 a 3 0.02 -> request limit, 0.010000 left",
    },
    Case {
        shows: "a reservation resolves once",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            post 1 a 0 0.005 -> charged 0.005000
            post 1 a 0 0.005 -> charged 0.005000
            void 1 a 0 -> charged 0.005000
            unknown 1 a 0 -> charged 0.005000
            reserve 1 a 1 0.02
            void 1 a 1 -> charged 0.000000
            post 1 a 1 0.02 -> charged 0.000000
            books -> open: 189.995000 free, 0.000000 reserved, 0.005000 charged, 0.000000 unknown",
    },
    Case {
        shows: "asking for a reservation again does not reserve again",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.03
            reserve 1 a 0 0.03
            reserve 1 a 0 0.02 -> unavailable
            books -> open: 189.970000 free, 0.030000 reserved, 0.000000 charged, 0.000000 unknown
            reserve 1 a 1 0.02
            void 1 a 0 -> charged 0.000000
            reserve 1 a 0 0.03 -> unavailable",
    },
    Case {
        shows: "a month that is short says whether money may come back",
        cap: "0.1",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            acquire 2 b 7 0.05
            reserve 1 a 0 0.05
            reserve 2 b 0 0.05 -> in flight
            reserve 2 b 1 0.045
            post 1 a 0 0.05 -> charged 0.050000
            acquire 3 c 7 0.05
            reserve 3 c 0 0.000000001 -> in flight
            post 2 b 1 0.045 -> charged 0.045000
            reserve 3 c 1 0.000000001 -> exhausted
            reserve 3 c 2 0
            books -> open: 0.000000 free, 0.000000 reserved, 0.095000 charged, 0.000000 unknown",
    },
    Case {
        shows: "the month decides before the request's limit, and a stop before both",
        cap: "0.01",
        stop_percent: 100,
        script: "
            acquire 1 a 7 0.005
            reserve 1 a 0 0.02 -> exhausted
            reserve 1 a 1 0.006 -> request limit, 0.005000 left
            stop
            reserve 1 a 2 0.02 -> stopped
            reserve 2 a 0 0.02 -> fenced",
    },
    Case {
        shows: "a stopped month takes no reservation and still resolves; it can be reopened",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.01
            stop
            stop
            reserve 1 a 1 0.01 -> stopped
            post 1 a 0 0.01 -> charged 0.010000
            books -> stopped: 189.990000 free, 0.000000 reserved, 0.010000 charged, 0.000000 unknown
            reopen
            reserve 1 a 2 0.01",
    },
    Case {
        shows: "money is settled in the month it was reserved in",
        cap: "10",
        stop_percent: 100,
        script: "
            wait 2695
            acquire 1 a 7 0.05
            acquire 2 b 7 0.05
            reserve 1 a 0 0.03
            reserve 2 b 0 0.02
            wait 10
            books -> open: 10.000000 free, 0.000000 reserved, 0.000000 charged, 0.000000 unknown
            post 1 a 0 0.01 -> charged 0.010000
            reserve 1 a 1 0.01
            books -> open: 9.990000 free, 0.010000 reserved, 0.000000 charged, 0.000000 unknown
            wait 100
            sweep -> 2 expired for 0.030000, 0 pending
            post 2 b 0 0.001 -> charged 0.001000 late
            books -> open: 9.990000 free, 0.000000 reserved, 0.010000 charged, 0.010000 unknown",
    },
    Case {
        shows: "what nobody resolved is charged in full a minute after the lease, and not before",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            wait 93
            sweep -> 0 expired for 0.000000, 1 pending
            wait 1
            acquire 2 b 7 0.05
            reserve 2 b 0 0.02
            sweep -> 1 expired for 0.020000, 1 pending
            sweep -> 0 expired for 0.000000, 1 pending
            books -> open: 189.960000 free, 0.020000 reserved, 0.020000 charged, 0.020000 unknown",
    },
    Case {
        shows: "the last sweep is remembered, with what it found",
        cap: "200",
        stop_percent: 95,
        script: "
            last-sweep -> never
            sweep -> 0 expired for 0.000000, 0 pending
            last-sweep -> 0 expired for 0.000000, 0 pending, none due, 0 s ago
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            wait 50
            acquire 2 b 7 0.05
            reserve 2 b 0 0.01
            last-sweep -> 0 expired for 0.000000, 0 pending, none due, 50 s ago
            sweep -> 0 expired for 0.000000, 2 pending
            last-sweep -> 0 expired for 0.000000, 2 pending, due in 43 s, 0 s ago
            wait 48
            sweep -> 1 expired for 0.020000, 1 pending
            last-sweep -> 1 expired for 0.020000, 1 pending, due in -5 s, 0 s ago
            wait 3000
            last-sweep -> never
            sweep -> 1 expired for 0.010000, 0 pending
            last-sweep -> 0 expired for 0.000000, 0 pending, none due, 0 s ago",
    },
    Case {
        shows: "a late result corrects the charge of the sweep, once",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            reserve 1 a 1 0.02
            reserve 1 a 2 0.01
            wait 94
            sweep -> 3 expired for 0.050000, 0 pending
            post 1 a 0 0.005 -> charged 0.005000 late
            post 1 a 0 0.005 -> charged 0.005000 late
            void 1 a 0 -> charged 0.005000 late
            void 1 a 1 -> charged 0.000000 late
            unknown 1 a 2 -> charged 0.010000 late
            sweep -> 0 expired for 0.000000, 0 pending
            books -> open: 189.985000 free, 0.000000 reserved, 0.015000 charged, 0.010000 unknown",
    },
    Case {
        shows: "a result before the sweep leaves nothing to sweep",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            reserve 1 a 1 0.01
            void 1 a 1 -> charged 0.000000
            sweep -> 0 expired for 0.000000, 1 pending
            wait 200
            post 1 a 0 0.005 -> charged 0.005000
            sweep -> 0 expired for 0.000000, 0 pending
            last-sweep -> 0 expired for 0.000000, 0 pending, none due, 0 s ago
            books -> open: 189.995000 free, 0.000000 reserved, 0.005000 charged, 0.000000 unknown",
    },
    Case {
        shows: "a cost above its reservation is charged in full and stops the month",
        cap: "0.04",
        stop_percent: 100,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            reserve 1 a 1 0.01
            post 1 a 0 0.035 -> charged 0.035000
            books -> stopped: -0.005000 free, 0.010000 reserved, 0.035000 charged, 0.000000 unknown
            reserve 1 a 2 0.001 -> stopped
            post 1 a 1 0.001 -> charged 0.001000
            books -> stopped: 0.004000 free, 0.000000 reserved, 0.036000 charged, 0.000000 unknown",
    },
    Case {
        shows: "a late cost above its reservation stops the month too",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 0.05
            reserve 1 a 0 0.02
            wait 94
            sweep -> 1 expired for 0.020000, 0 pending
            post 1 a 0 0.03 -> charged 0.030000 late
            books -> stopped: 189.970000 free, 0.000000 reserved, 0.030000 charged, 0.000000 unknown",
    },
    Case {
        shows: "too much unknown usage stops the month, but not before it is a dollar",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 100
            reserve 1 a 0 0.99
            unknown 1 a 0 -> charged 0.990000
            reserve 1 a 1 30
            post 1 a 1 19.01 -> charged 19.010000
            reserve 1 a 2 0.01
            unknown 1 a 2 -> charged 0.010000
            books -> open: 169.990000 free, 0.000000 reserved, 20.010000 charged, 1.000000 unknown
            reserve 1 a 3 0.000600000
            unknown 1 a 3 -> charged 0.000600
            books -> stopped: 169.989400 free, 0.000000 reserved, 20.010600 charged, 1.000600 unknown",
    },
    Case {
        shows: "swept money counts as unknown usage",
        cap: "200",
        stop_percent: 95,
        script: "
            acquire 1 a 7 100
            reserve 1 a 0 2
            reserve 1 a 1 2
            wait 94
            sweep -> 2 expired for 4.000000, 0 pending
            books -> stopped: 186.000000 free, 0.000000 reserved, 4.000000 charged, 4.000000 unknown
            post 1 a 0 0.5 -> charged 0.500000 late
            books -> stopped: 187.500000 free, 0.000000 reserved, 2.500000 charged, 2.000000 unknown",
    },
];
