//! Secrets in AWS Secrets Manager, or in a file.

mod file;
mod manager;

pub use file::FileSecret;
pub use manager::SecretsManagerSecret;
