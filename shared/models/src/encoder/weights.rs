//! What is done to an ONNX file before it is built into a plan.

use std::borrow::Cow;
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

/// What makes `f32` numbers of `int8` ones: `Mul(Cast(weight), scale)`, the weight and the scale constants.
struct Product {
    /// Where the cast and the multiplication stand among the nodes.
    cast: usize,
    mul: usize,
    weight: String,
    scale: String,
}

/// Rewrites what makes `f32` weights of `int8` ones, and says how many weights there were.
///
/// The plan would otherwise compute the same products again at every inference, which takes longer than the inference
/// itself. A table that is only looked up in is kept as it is, a quarter of the size, and the rows that were found are
/// multiplied; other weights are multiplied here. A product whose shapes are not understood is left as it is.
pub(crate) fn fold_int8_weights(graph: &mut GraphProto) -> usize {
    let lookups = look_up_before_scaling(graph);
    lookups + multiply(graph)
}

fn products(graph: &GraphProto) -> Vec<Product> {
    let types: HashMap<&str, i32> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.data_type)).collect();
    let is = |name: &str, wanted: DataType| types.get(name) == Some(&(wanted as i32));
    let casts: HashMap<&str, (usize, &str)> = graph
        .node
        .iter()
        .enumerate()
        .filter(|(_, node)| node.op_type == "Cast")
        .filter_map(|(at, node)| Some((node.output.first()?.as_str(), (at, node.input.first()?.as_str()))))
        .filter(|(_, (_, weight))| is(weight, DataType::Int8))
        .collect();
    let product = |(mul, node): (usize, &NodeProto)| {
        let ("Mul", [left, right]) = (node.op_type.as_str(), node.input.as_slice()) else { return None };
        let ((cast, weight), scale) = match (casts.get(left.as_str()), casts.get(right.as_str())) {
            (Some(cast), None) => (*cast, right),
            (None, Some(cast)) => (*cast, left),
            _ => return None,
        };
        is(scale, DataType::Float).then(|| Product { cast, mul, weight: weight.to_owned(), scale: scale.clone() })
    };
    graph.node.iter().enumerate().filter_map(product).collect()
}

/// Turns `Gather(Mul(Cast(table), scale), rows)` into `Mul(Cast(Gather(table, rows)), scale)`, with the scale looked up
/// too when each row has its own. Nodes may come before their inputs in the list then, which the parser does not mind.
fn look_up_before_scaling(graph: &mut GraphProto) -> usize {
    let mut count = 0;
    for product in products(graph) {
        let Some((gather, has_scale_of_row)) = only_lookup(graph, &product) else { continue };
        let found = std::mem::take(&mut graph.node[gather].output[0]);
        let numbers = format!("{found} as int8");
        if has_scale_of_row {
            let mut of_scale = graph.node[gather].clone();
            let scales = format!("{found} scale");
            of_scale.name.push_str(" scale");
            of_scale.input[0].clone_from(&product.scale);
            of_scale.output[0].clone_from(&scales);
            let read = graph.node[product.mul].input.iter_mut().find(|name| **name == product.scale);
            read.into_iter().for_each(|name| name.clone_from(&scales));
            graph.node.push(of_scale);
        }
        graph.node[gather].input[0] = product.weight;
        graph.node[gather].output[0].clone_from(&numbers);
        graph.node[product.cast].input[0] = numbers;
        graph.node[product.mul].output[0] = found;
        count += 1;
    }
    count
}

/// The node that looks up rows of a product, when nothing else reads it, and whether each row has its own scale.
fn only_lookup(graph: &GraphProto, product: &Product) -> Option<(usize, bool)> {
    let dims_of = |name: &str| Some(graph.initializer.iter().find(|tensor| tensor.name == name)?.dims.as_slice());
    let &[rows, columns] = dims_of(&product.weight)? else { return None };
    let has_scale_of_row = match dims_of(&product.scale)? {
        [] | [1] | [1, 1] => false,
        &[scales] | &[1, scales] if scales == columns => false,
        &[scales, 1] if scales == rows => true,
        _ => return None,
    };
    only_reader(graph, &graph.node[product.cast])?;
    let at = only_reader(graph, &graph.node[product.mul])?;
    let node = &graph.node[at];
    let by_rows = node.attribute.iter().all(|attribute| attribute.name != "axis" || attribute.i == 0);
    let reads = node.input.first() == graph.node[product.mul].output.first();
    let is_lookup = node.op_type == "Gather" && node.input.len() == 2 && node.output.len() == 1 && by_rows && reads;
    is_lookup.then_some((at, has_scale_of_row))
}

/// The one node that reads what `node` puts out, in one place.
fn only_reader(graph: &GraphProto, node: &NodeProto) -> Option<usize> {
    let [output] = node.output.as_slice() else { return None };
    if graph.output.iter().any(|read| read.name == *output) {
        return None;
    }
    let inputs = graph.node.iter().enumerate().flat_map(|(at, node)| node.input.iter().map(move |input| (at, input)));
    let mut readers = inputs.filter(|(_, input)| *input == output).map(|(at, _)| at);
    let reader = readers.next()?;
    readers.next().is_none().then_some(reader)
}

/// Replaces every product of a cast weight and its scale by what it yields.
fn multiply(graph: &mut GraphProto) -> usize {
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let multiplied = |product: &Product| {
        let weight = constants.get(product.weight.as_str())?;
        Some(TensorProto {
            name: graph.node[product.mul].output.first()?.clone(),
            dims: weight.dims.clone(),
            data_type: DataType::Float as i32,
            raw_data: scaled(weight, constants.get(product.scale.as_str())?)?,
            ..TensorProto::default()
        })
    };
    let folded: Vec<TensorProto> = products(graph).iter().filter_map(multiplied).collect();

    let names: HashSet<&str> = folded.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.node.retain(|node| !node.output.first().is_some_and(|output| names.contains(output.as_str())));
    let count = folded.len();
    graph.initializer.extend(folded);
    drop_unread(graph);
    count
}

/// The bytes of `weight × scale` for a matrix whose scale is one number, one a row or one a column.
fn scaled(weight: &TensorProto, scale: &TensorProto) -> Option<Vec<u8>> {
    let &[rows, columns] = weight.dims.as_slice() else { return None };
    let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
    let numbers = int8_values(weight);
    let scales = f32_values(scale)?;
    if columns == 0 || numbers.len() != rows.checked_mul(columns)? {
        return None;
    }
    let mut bytes = vec![0; numbers.len() * size_of::<f32>()];
    let (products, _) = bytes.as_chunks_mut();
    let of_rows = products.chunks_exact_mut(columns).zip(numbers.chunks_exact(columns));
    match scale.dims.as_slice() {
        _ if scales.len() == 1 => of_rows.for_each(|(out, row)| scale_row(out, row, std::iter::repeat(scales[0]))),
        &[r, 1] if usize::try_from(r) == Ok(rows) && scales.len() == rows => {
            of_rows.zip(scales).for_each(|((out, row), scale)| scale_row(out, row, std::iter::repeat(scale)));
        }
        &[1, c] | &[c] if usize::try_from(c) == Ok(columns) && scales.len() == columns => {
            of_rows.for_each(|(out, row)| scale_row(out, row, scales.iter().copied()));
        }
        _ => return None,
    }
    Some(bytes)
}

fn scale_row(out: &mut [[u8; 4]], row: &[u8], scales: impl Iterator<Item = f32>) {
    for ((out, &number), scale) in out.iter_mut().zip(row).zip(scales) {
        *out = (f32::from(number as i8) * scale).to_le_bytes();
    }
}

/// The numbers of an `int8` tensor, each as the byte that it is.
fn int8_values(tensor: &TensorProto) -> Cow<'_, [u8]> {
    if tensor.raw_data.is_empty() {
        tensor.int32_data.iter().map(|&value| value as u8).collect()
    } else {
        Cow::Borrowed(&tensor.raw_data)
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
pub(super) mod tests {
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

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
    fn a_table_that_is_only_looked_up_in_stays_int8() {
        check_lookup(&[], vec![2.0], true, |_| ());
        check_lookup(&[3], vec![2.0, 0.5, 1.0], true, |_| ());
        check_lookup(&[1, 3], vec![2.0, 0.5, 1.0], true, |_| ());
        check_lookup(&[2, 1], vec![2.0, 0.5], true, |_| ());
    }

    #[test]
    fn any_other_table_is_multiplied() {
        let reads = |name: &str| ValueInfoProto { name: name.into(), ..ValueInfoProto::default() };
        check_lookup(&[], vec![2.0], false, |graph| graph.output.push(reads("product")));
        check_lookup(&[], vec![2.0], false, |graph| graph.node.push(node("Relu", &["product"], "other")));
        check_lookup(&[], vec![2.0], false, |graph| graph.node[2].input.reverse());
        check_lookup(&[], vec![2.0], false, |graph| {
            let axis = AttributeProto { name: "axis".into(), i: 1, ..AttributeProto::default() };
            graph.node[2].attribute.push(axis);
        });
    }

    /// Rows of a product that are looked up are made of looked up `int8` rows, or the whole product is made here.
    #[track_caller]
    fn check_lookup(dims: &[i64], scales: Vec<f32>, kept: bool, change: impl Fn(&mut GraphProto)) {
        let mut graph = graph(dims, scales);
        graph.node.push(node("Gather", &["product", "rows"], "found"));
        graph.output[0].name = "found".into();
        change(&mut graph);
        assert_eq!(fold_int8_weights(&mut graph), 1);
        let types: Vec<_> = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.data_type)).collect();
        if !kept {
            assert_eq!(types, [("product", DataType::Float as i32)]);
            return;
        }
        assert_eq!(types, [("weight", DataType::Int8 as i32), ("scale", DataType::Float as i32)]);
        let is_per_row = dims == [2, 1];
        let mut expected = vec![
            node("Cast", &["found as int8"], "cast"),
            node("Mul", &["cast", if is_per_row { "found scale" } else { "scale" }], "found"),
            node("Gather", &["weight", "rows"], "found as int8"),
        ];
        if is_per_row {
            expected.push(NodeProto { name: " scale".into(), ..node("Gather", &["scale", "rows"], "found scale") });
        }
        assert_eq!(graph.node, expected);
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

    pub(crate) fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        }
    }

    fn graph(dims: &[i64], scales: Vec<f32>) -> GraphProto {
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
