//! What is done to an ONNX file before it is built into a plan.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Whether a tensor of `graph`, or of a graph inside it, lies in another file.
pub(crate) fn has_external_data(graph: &GraphProto) -> bool {
    let is_external = |tensor: &TensorProto| {
        tensor.data_location == Some(DataLocation::External as i32) || !tensor.external_data.is_empty()
    };
    let sparse = graph.sparse_initializer.iter().flat_map(|tensor| tensor.values.iter().chain(&tensor.indices));
    graph.initializer.iter().chain(sparse).any(is_external)
        || graph.node.iter().flat_map(|node| &node.attribute).any(|attribute| {
            attribute.t.iter().chain(&attribute.tensors).any(is_external)
                || attribute.g.iter().chain(&attribute.graphs).any(has_external_data)
        })
}

/// Replaces every `Mul(Cast(int8 weight), scale)` of constants by the `f32` weight that it yields,
/// and says how many there were.
///
/// The plan would otherwise compute the same product again at every inference, which takes longer
/// than the inference itself. A product whose shapes are not understood is left as it is.
pub(crate) fn fold_int8_weights(graph: &mut GraphProto) -> usize {
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let casts: HashMap<&str, &TensorProto> = graph
        .node
        .iter()
        .filter(|node| node.op_type == "Cast")
        .filter_map(|node| Some((node.output.first()?.as_str(), *constants.get(node.input.first()?.as_str())?)))
        .filter(|(_, weight)| weight.data_type == DataType::Int8 as i32)
        .collect();
    let folded: Vec<TensorProto> =
        graph.node.iter().filter_map(|node| folded_product(node, &casts, &constants)).collect();

    let products: HashSet<&str> = folded.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.node.retain(|node| !node.output.first().is_some_and(|output| products.contains(output.as_str())));
    let count = folded.len();
    graph.initializer.extend(folded);
    drop_unread(graph);
    count
}

/// The constant that `node` yields when it is a product of a cast weight and its scale.
fn folded_product(
    node: &NodeProto,
    casts: &HashMap<&str, &TensorProto>,
    constants: &HashMap<&str, &TensorProto>,
) -> Option<TensorProto> {
    let ("Mul", [left, right]) = (node.op_type.as_str(), node.input.as_slice()) else { return None };
    let (weight, scale) = match (casts.get(left.as_str()), casts.get(right.as_str())) {
        (Some(weight), None) => (weight, constants.get(right.as_str())?),
        (None, Some(weight)) => (weight, constants.get(left.as_str())?),
        _ => return None,
    };
    let values = scaled(weight, scale)?;
    Some(TensorProto {
        name: node.output.first()?.clone(),
        dims: weight.dims.clone(),
        data_type: DataType::Float as i32,
        raw_data: values.into_iter().flat_map(f32::to_le_bytes).collect(),
        ..TensorProto::default()
    })
}

/// `weight × scale` for a matrix whose scale is one number, one a row or one a column.
fn scaled(weight: &TensorProto, scale: &TensorProto) -> Option<Vec<f32>> {
    let &[rows, columns] = weight.dims.as_slice() else { return None };
    let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
    let numbers = int8_values(weight);
    let scales = f32_values(scale)?;
    if columns == 0 || numbers.len() != rows.checked_mul(columns)? {
        return None;
    }
    let scale_of: Box<dyn Fn(usize, usize) -> f32> = match scale.dims.as_slice() {
        _ if scales.len() == 1 => Box::new(move |_, _| scales[0]),
        &[r, 1] if usize::try_from(r) == Ok(rows) && scales.len() == rows => Box::new(move |row, _| scales[row]),
        &[1, c] | &[c] if usize::try_from(c) == Ok(columns) && scales.len() == columns => {
            Box::new(move |_, column| scales[column])
        }
        _ => return None,
    };
    Some(numbers.iter().enumerate().map(|(i, &n)| f32::from(n) * scale_of(i / columns, i % columns)).collect())
}

fn int8_values(tensor: &TensorProto) -> Vec<i8> {
    if tensor.raw_data.is_empty() {
        tensor.int32_data.iter().map(|&value| value as i8).collect()
    } else {
        tensor.raw_data.iter().map(|&byte| byte as i8).collect()
    }
}

fn f32_values(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != DataType::Float as i32 {
        return None;
    }
    if tensor.raw_data.is_empty() {
        return Some(tensor.float_data.clone());
    }
    let (numbers, rest) = tensor.raw_data.as_chunks::<4>();
    rest.is_empty().then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Removes the casts and constants that nothing reads any more.
fn drop_unread(graph: &mut GraphProto) {
    let read = |graph: &GraphProto| -> HashSet<String> {
        let outputs = graph.output.iter().map(|output| output.name.clone());
        outputs.chain(graph.node.iter().flat_map(|node| node.input.iter().cloned())).collect()
    };
    let needed = read(graph);
    graph.node.retain(|node| node.op_type != "Cast" || node.output.iter().any(|output| needed.contains(output)));
    let needed = read(graph);
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::ValueInfoProto;

    use super::*;

    #[test]
    fn a_scale_of_one_number_a_row_or_a_column_is_folded() {
        check(&[], vec![2.0], Some([2.0, -4.0, 6.0, 254.0, -256.0, 0.0]));
        check(&[2, 1], vec![2.0, 0.5], Some([2.0, -4.0, 6.0, 63.5, -64.0, 0.0]));
        check(&[1, 3], vec![2.0, 0.5, 1.0], Some([2.0, -1.0, 3.0, 254.0, -64.0, 0.0]));
        check(&[3], vec![2.0, 0.5, 1.0], Some([2.0, -1.0, 3.0, 254.0, -64.0, 0.0]));
    }

    #[test]
    fn a_scale_of_another_shape_is_left_alone() {
        check(&[3, 1], vec![2.0, 0.5, 1.0], None);
        check(&[2], vec![2.0, 0.5], None);
    }

    #[test]
    fn a_cast_that_something_else_reads_stays() {
        let mut graph = graph(&[], vec![2.0]);
        graph.output.push(ValueInfoProto { name: "cast".into(), ..ValueInfoProto::default() });
        assert_eq!(fold_int8_weights(&mut graph), 1);
        assert_eq!(graph.node.iter().map(|node| node.op_type.as_str()).collect::<Vec<_>>(), ["Cast"]);
        assert!(graph.initializer.iter().any(|tensor| tensor.name == "weight"));
    }

    #[test]
    fn data_outside_of_the_file_is_seen() {
        let mut graph = graph(&[], vec![2.0]);
        assert!(!has_external_data(&graph));
        graph.initializer[0].data_location = Some(DataLocation::External as i32);
        assert!(has_external_data(&graph));
    }

    /// The product of a 2 × 3 weight and a scale is `expected`, or is not folded.
    #[track_caller]
    fn check(dims: &[i64], scales: Vec<f32>, expected: Option<[f32; 6]>) {
        let mut graph = graph(dims, scales);
        let before = graph.clone();
        let count = fold_int8_weights(&mut graph);
        let Some(expected) = expected else {
            assert_eq!((count, graph), (0, before));
            return;
        };
        assert!(graph.node.is_empty(), "the cast and the product are gone");
        let [weight] = graph.initializer.as_slice() else { panic!("one constant is left") };
        assert_eq!((weight.name.as_str(), weight.dims.as_slice()), ("product", [2, 3].as_slice()));
        assert_eq!(f32_values(weight).unwrap(), expected);
    }

    fn graph(dims: &[i64], scales: Vec<f32>) -> GraphProto {
        let node = |op_type: &str, input: &[&str], output: &str| NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        };
        let weight = TensorProto {
            name: "weight".into(),
            dims: vec![2, 3],
            data_type: DataType::Int8 as i32,
            raw_data: [1_i8, -2, 3, 127, -128, 0].map(|number| number as u8).to_vec(),
            ..TensorProto::default()
        };
        let scale = TensorProto {
            name: "scale".into(),
            dims: dims.to_vec(),
            data_type: DataType::Float as i32,
            float_data: scales,
            ..TensorProto::default()
        };
        GraphProto {
            node: vec![node("Cast", &["weight"], "cast"), node("Mul", &["cast", "scale"], "product")],
            initializer: vec![weight, scale],
            output: vec![ValueInfoProto { name: "product".into(), ..ValueInfoProto::default() }],
            ..GraphProto::default()
        }
    }
}
