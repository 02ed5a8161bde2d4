//! A way for 4-bit weights to tract's kernels for matrices.
//!
//! For several tokens at once tract multiplies 4-bit weights by its kernel for vectors, token by token: it knows how to turn
//! them into `f32` numbers, but lays these out at addresses that no kernel for matrices takes. What is declared here lays them
//! out as the kernels say. tract takes part of it by itself when a plan is built; on other processors than those of x86_64 its
//! own suffice.

#![cfg(target_arch = "x86_64")]

use inventory::submit;
use tract_onnx::tract_core::tract_linalg::isa::Arch;
use tract_onnx::tract_core::tract_linalg::mmm::PanelExtractor;
use tract_onnx::tract_core::tract_linalg::mmm_routines::MmmExtractor;
use tract_onnx::tract_core::tract_linalg::x86_64::{mmm, panel_extract};

submit! {
    MmmExtractor {
        target: Arch::X86_64,
        make: || PanelExtractor {
            name: "farthing_32_q40_to_avx512".to_owned(),
            to: mmm::avx512_mmm_f32_32x6.regular_pack_a(),
            ..panel_extract::packed_32_q40_to_f32.clone()
        },
    }
}

submit! {
    MmmExtractor {
        target: Arch::X86_64,
        make: || PanelExtractor {
            name: "farthing_32_q40_to_fma".to_owned(),
            to: mmm::fma_mmm_f32_32x3.regular_pack_a(),
            ..panel_extract::packed_32_q40_to_f32.clone()
        },
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::prelude::*;
    use tract_onnx::tract_core::tract_linalg::MmmDispatch;
    use tract_onnx::tract_core::tract_linalg::WeightType;
    use tract_onnx::tract_core::tract_linalg::block_quant::Q4_0;
    use tract_onnx::tract_core::tract_linalg::mmm::Query;

    #[test]
    fn four_bit_weights_reach_a_kernel_for_matrices() {
        let query = Query {
            weight: WeightType::BlockQuant(Box::new(Q4_0)),
            ..Query::plain(f32::datum_type(), None, None, None)
        };
        let suitable = MmmDispatch::native().suitable(&query);
        let widest = suitable.iter().map(|(kernel, _, _)| kernel.nr()).max();
        assert!(widest > Some(1), "{suitable:?}");
    }
}
