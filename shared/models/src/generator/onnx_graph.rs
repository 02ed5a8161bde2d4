//! Writes ONNX graphs in memory.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::type_proto::{self, Tensor};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType,
};

/// The newest version of the operators that are used.
const OPERATORS: i64 = 17;

/// A length of an axis: a number, or the name of one that is known when the model runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    Fixed(usize),
    Named(&'static str),
}

/// A graph that is being written. Values are named by text, as ONNX does.
#[derive(Debug, Default)]
pub(super) struct OnnxGraph {
    graph: GraphProto,
}

impl OnnxGraph {
    /// Goes on writing `graph`. Nodes may come before their inputs in the list then, which the parser does not mind.
    pub(super) fn over(graph: GraphProto) -> Self {
        Self { graph }
    }

    pub(super) fn into_graph(self) -> GraphProto {
        self.graph
    }

    /// An operator of the standard set; its output has its name.
    pub(super) fn op(&mut self, kind: &str, inputs: &[&str], name: &str) -> String {
        self.node("", kind, inputs, name, Vec::new())
    }

    /// An operator with whole numbers and lists of them.
    pub(super) fn op_with(&mut self, kind: &str, inputs: &[&str], name: &str, with: Vec<AttributeProto>) -> String {
        self.node("", kind, inputs, name, with)
    }

    /// An operator of Microsoft's set.
    pub(super) fn microsoft(&mut self, kind: &str, inputs: &[&str], name: &str, with: Vec<AttributeProto>) -> String {
        self.node("com.microsoft", kind, inputs, name, with)
    }

    fn node(
        &mut self,
        domain: &str,
        kind: &str,
        inputs: &[&str],
        name: &str,
        attribute: Vec<AttributeProto>,
    ) -> String {
        self.graph.node.push(NodeProto {
            op_type: kind.into(),
            domain: domain.into(),
            name: name.into(),
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![name.into()],
            attribute,
            ..NodeProto::default()
        });
        name.to_owned()
    }

    pub(super) fn floats(&mut self, name: &str, shape: &[usize], numbers: impl IntoIterator<Item = f32>) -> String {
        let bytes = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        self.constant(name, shape, DataType::Float, bytes)
    }

    pub(super) fn integers(&mut self, name: &str, numbers: &[i64]) -> String {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.constant(name, &[numbers.len()], DataType::Int64, bytes)
    }

    pub(super) fn scalar(&mut self, name: &str, number: i64) -> String {
        self.constant(name, &[], DataType::Int64, number.to_le_bytes().to_vec())
    }

    pub(super) fn bytes(&mut self, name: &str, shape: &[usize], bytes: Vec<u8>) -> String {
        self.constant(name, shape, DataType::Uint8, bytes)
    }

    pub(super) fn signed_bytes(&mut self, name: &str, shape: &[usize], bytes: Vec<u8>) -> String {
        self.constant(name, shape, DataType::Int8, bytes)
    }

    fn constant(&mut self, name: &str, shape: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: shape.iter().map(|&length| length as i64).collect(),
            data_type: kind as i32,
            raw_data,
            ..TensorProto::default()
        });
        name.to_owned()
    }

    pub(super) fn input(&mut self, name: &str, is_float: bool, shape: &[Length]) {
        let kind = if is_float { DataType::Float } else { DataType::Int64 };
        self.input_of(name, kind as i32, shape);
    }

    /// An input of the numbers that ONNX knows as `kind`.
    pub(super) fn input_of(&mut self, name: &str, kind: i32, shape: &[Length]) {
        self.graph.input.push(value_info(name, kind, shape));
    }

    pub(super) fn output(&mut self, name: &str, shape: &[Length]) {
        self.graph.output.push(value_info(name, DataType::Float as i32, shape));
    }

    /// An output of whatever shape it has.
    pub(super) fn output_named(&mut self, name: &str) {
        self.graph.output.push(ValueInfoProto { name: name.into(), ..ValueInfoProto::default() });
    }

    pub(super) fn finish(self) -> ModelProto {
        let set = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        ModelProto {
            ir_version: 8,
            opset_import: vec![set("", OPERATORS), set("com.microsoft", 1)],
            graph: Some(self.graph),
            ..ModelProto::default()
        }
    }
}

/// The attribute `name` with a whole number.
pub(super) fn integer(name: &str, number: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: number, ..AttributeProto::default() }
}

/// The attribute `name` with whole numbers.
pub(super) fn list(name: &str, numbers: &[i64]) -> AttributeProto {
    let r#type = AttributeType::Ints as i32;
    AttributeProto { name: name.into(), r#type, ints: numbers.to_vec(), ..AttributeProto::default() }
}

fn value_info(name: &str, elem_type: i32, shape: &[Length]) -> ValueInfoProto {
    let dimension = |length: &Length| Dimension {
        value: Some(match *length {
            Length::Fixed(length) => Value::DimValue(length as i64),
            Length::Named(name) => Value::DimParam(name.into()),
        }),
        ..Dimension::default()
    };
    let tensor = Tensor { elem_type, shape: Some(TensorShapeProto { dim: shape.iter().map(dimension).collect() }) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}
