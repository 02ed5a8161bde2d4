//! The models of the encoder's family on their real tensors, in its graph.

use std::sync::OnceLock;

use farthing_models::encoder::{MiniLm, PairModel};

use super::common;

/// The shipped pair model. Loaded once.
pub(crate) fn pair_model() -> &'static PairModel {
    static MODEL: OnceLock<PairModel> = OnceLock::new();
    MODEL.get_or_init(|| {
        let files = common::encoder_files();
        PairModel::load(&files[0], &files[3], common::encoder().tokens()).unwrap()
    })
}

/// The shipped knowledge encoder. Loaded once.
pub(crate) fn knowledge_encoder() -> &'static MiniLm {
    static MODEL: OnceLock<MiniLm> = OnceLock::new();
    MODEL.get_or_init(|| {
        let files = common::encoder_files();
        MiniLm::load_changed(&files[0], &files[2], common::encoder().tokens()).unwrap()
    })
}
