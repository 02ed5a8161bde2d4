//! What tests share: conformance suites for the ports, loopback providers and builders.

pub mod ledger_suite;
pub mod loopback;
pub mod outcomes;
pub mod plain;
pub mod stores_suite;
pub mod strict_dynamo;
