//! A template as a tree of JSON: short forms such as `!Ref Table` are written out as `{"Ref": "Table"}`.

use serde_json::{Map, Value, json};
use yaml_serde::Value as Yaml;

/// Why a text is no template.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTemplate {
    /// It is no YAML.
    #[error("the template is no YAML")]
    Syntax(#[from] yaml_serde::Error),
    /// It has something that CloudFormation does not have.
    #[error("the template has {0}")]
    Foreign(&'static str),
}

/// A deployment template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    root: Value,
}

/// A resource of a template.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Its logical name.
    pub name: &'a str,
    /// All of it.
    pub body: &'a Value,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`InvalidTemplate`].
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let root = json_of(&yaml_serde::from_str(text)?)?;
        if root["Resources"].as_object().is_none_or(Map::is_empty) {
            return Err(InvalidTemplate::Foreign("no resources"));
        }
        Ok(Self { root })
    }

    /// All of it.
    #[must_use]
    pub const fn root(&self) -> &Value {
        &self.root
    }

    /// All of it, to be changed.
    pub const fn root_mut(&mut self) -> &mut Value {
        &mut self.root
    }

    /// Every resource.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let resources = self.root["Resources"].as_object().into_iter().flatten();
        resources.map(|(name, body)| Resource { name, body })
    }

    /// The resources of a type, such as `AWS::S3::Bucket`.
    pub fn of_type(&self, kind: &str) -> impl Iterator<Item = Resource<'_>> {
        self.resources().filter(move |resource| resource.body["Type"] == kind)
    }

    /// Every function.
    pub fn functions(&self) -> impl Iterator<Item = Resource<'_>> {
        self.of_type("AWS::Serverless::Function")
    }

    /// The resource that a value refers to, by `Ref` or by one of its attributes.
    #[must_use]
    pub fn referred(&self, value: &Value) -> Option<Resource<'_>> {
        let attribute = value["Fn::GetAtt"].get(0).or_else(|| value.get("Ref"));
        let name = attribute?.as_str()?;
        self.resources().find(|resource| resource.name == name)
    }

    /// The greatest number that a value can be: of a parameter, what its bounds allow.
    #[must_use]
    pub fn at_most(&self, value: &Value) -> Option<f64> {
        self.bound(value, "MaxValue", f64::max)
    }

    /// The smallest number that a value can be.
    #[must_use]
    pub fn at_least(&self, value: &Value) -> Option<f64> {
        self.bound(value, "MinValue", f64::min)
    }

    fn bound(&self, value: &Value, key: &str, pick: fn(f64, f64) -> f64) -> Option<f64> {
        let Some(parameter) = value["Ref"].as_str() else { return number(value) };
        let parameter = &self.root["Parameters"][parameter];
        match parameter["AllowedValues"].as_array() {
            Some(allowed) => allowed.iter().map(number).collect::<Option<Vec<_>>>()?.into_iter().reduce(pick),
            None => number(&parameter[key]),
        }
    }
}

impl<'a> Resource<'a> {
    /// A property by its path, such as `LoggingConfig/LogGroup`; null where there is none.
    #[must_use]
    pub fn property(&self, path: &str) -> &'a Value {
        self.body.pointer(&format!("/Properties/{path}")).unwrap_or(&Value::Null)
    }

    /// The package that a function is built from.
    #[must_use]
    pub fn package(&self) -> Option<&'a str> {
        self.body.pointer("/Metadata/BuildProperties/Binary")?.as_str()
    }
}

/// A list's members, or the one value that stands for a list of one.
#[must_use]
pub(crate) fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(members) => members.iter().collect(),
        one => vec![one],
    }
}

/// Calls `visit` with every value in a tree and its path.
pub(crate) fn walk<'a>(value: &'a Value, path: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(path, value);
    match value {
        Value::Array(members) => {
            for (at, member) in members.iter().enumerate() {
                walk(member, &format!("{path}/{at}"), visit);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                walk(member, &format!("{path}/{name}"), visit);
            }
        }
        _ => {}
    }
}

/// The resource that a path of [`walk`] over a whole template is in; otherwise the path's section.
#[must_use]
pub(crate) fn place_of(path: &str) -> &str {
    let mut names = path.split('/').skip(1);
    match names.next() {
        Some("Resources") => names.next().unwrap_or("Resources"),
        section => section.unwrap_or("template"),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn json_of(yaml: &Yaml) -> Result<Value, InvalidTemplate> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => json!(value),
        Yaml::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => json!(whole),
            (None, fraction) => json!(fraction),
        },
        Yaml::String(text) => json!(text),
        Yaml::Sequence(members) => Value::Array(members.iter().map(json_of).collect::<Result<_, _>>()?),
        Yaml::Mapping(members) => {
            let member = |(name, value): (&Yaml, &Yaml)| {
                let name = name.as_str().ok_or(InvalidTemplate::Foreign("a name that is no text"))?;
                Ok((name.to_owned(), json_of(value)?))
            };
            Value::Object(members.iter().map(member).collect::<Result<_, InvalidTemplate>>()?)
        }
        Yaml::Tagged(tagged) => long_form(&tagged.tag.to_string(), json_of(&tagged.value)?),
    })
}

fn long_form(tag: &str, value: Value) -> Value {
    match (tag.trim_start_matches('!'), value) {
        (name @ ("Ref" | "Condition"), value) => json!({ name: value }),
        ("GetAtt", Value::String(path)) => {
            let (name, attribute) = path.split_once('.').unwrap_or((&path, ""));
            json!({"Fn::GetAtt": [name, attribute]})
        }
        (name, value) => json!({ format!("Fn::{name}"): value }),
    }
}
