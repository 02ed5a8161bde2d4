//! A call of one of the routes, whoever received it.

use farthing_domain::ids::Tenant;
use farthing_domain::time::Deadline;

/// A call of one of the routes: what Lambda and the local gateway hand to a function.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method, in capitals.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// Who calls.
    pub tenant: Tenant,
    /// The body.
    pub body: Vec<u8>,
    /// By when the reply must have been sent.
    pub deadline: Deadline,
}
