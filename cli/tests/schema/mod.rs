//! JSON against a JSON Schema, as far as the generated schemas go: an unknown
//! keyword is an error, so that nothing is passed over.

use serde_json::Value;

/// What is wrong with `value`, each with its path.
pub fn check(schema: &Value, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    at(schema, schema, value, "$", &mut problems);
    problems
}

fn at(root: &Value, schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            out.push(format!("{path}: nothing is allowed here"));
        }
        return;
    };
    for (keyword, argument) in keywords {
        match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" | "default" | "format" => {}
            "$ref" => {
                let pointer = argument.as_str().unwrap().trim_start_matches('#');
                let target = root
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("no {pointer}"));
                at(root, target, value, path, out);
            }
            "type" => {
                let names: Vec<&str> = match argument {
                    Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                    other => other.as_str().into_iter().collect(),
                };
                let is = |name: &&str| match *name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    other => panic!("type {other}"),
                };
                if !names.iter().any(is) {
                    out.push(format!("{path}: {value} is not {names:?}"));
                }
            }
            "enum" => {
                if !argument.as_array().unwrap().contains(value) {
                    out.push(format!("{path}: {value} is not in {argument}"));
                }
            }
            "const" => {
                if argument != value {
                    out.push(format!("{path}: {value} is not {argument}"));
                }
            }
            "minimum" => {
                if value.is_number() && value.as_f64() < argument.as_f64() {
                    out.push(format!("{path}: {value} is below {argument}"));
                }
            }
            "maximum" => {
                if value.is_number() && value.as_f64() > argument.as_f64() {
                    out.push(format!("{path}: {value} is above {argument}"));
                }
            }
            "required" => {
                for name in argument.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value.is_object() && value.get(name).is_none() {
                        out.push(format!("{path}: no {name}"));
                    }
                }
            }
            "properties" => {
                for (name, part) in argument.as_object().unwrap() {
                    if let Some(inner) = value.get(name) {
                        at(root, part, inner, &format!("{path}.{name}"), out);
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if known.is_none_or(|k| !k.contains_key(name)) {
                        at(root, argument, inner, &format!("{path}.{name}"), out);
                    }
                }
            }
            "items" => {
                for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
                    at(root, argument, inner, &format!("{path}[{n}]"), out);
                }
            }
            "anyOf" | "oneOf" => {
                let fits = argument.as_array().unwrap().iter().any(|option| {
                    let mut problems = Vec::new();
                    at(root, option, value, path, &mut problems);
                    problems.is_empty()
                });
                if !fits {
                    out.push(format!("{path}: {value} fits none of {keyword}"));
                }
            }
            other => panic!("the schemas use `{other}`, which is not checked"),
        }
    }
}
