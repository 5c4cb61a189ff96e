//! A second, slow implementation of rules that keep or remove, to compare with.
//!
//! It shares only the parser of paths and the table of types with the product. The record becomes a tree of FHIR nodes (a primitive and its
//! `_` sibling are one node); each rule in turn selects nodes by evaluating its path step by step and marks what it selects, with
//! everything below, unless an earlier rule has; then what is to go is taken out, and what is empty after it.

use medveil_clinical::fhir::model::{Category, Model, TypeId};
use medveil_clinical::fhir::path::{Path, Step};
use serde_json::{Map, Value};

struct Node {
    ty: Option<TypeId>,
    property: String,
    name: String,
    /// A scalar, `null` where only the sibling stands.
    value: Option<Value>,
    is_object: bool,
    children: Vec<Property>,
    rule: Option<usize>,
    is_resource: bool,
}

/// A property of an object; `nodes` are its items.
struct Property {
    key: String,
    list: bool,
    nodes: Vec<Node>,
    required: bool,
}

/// Applies rules (`true` keeps) to a resource.
pub fn apply(rules: &[(Path, bool)], keep_unmatched: bool, record: &Value) -> Value {
    let Value::Object(object) = record else { panic!("a resource is an object") };
    let mut root = resource(object, "", "");
    mark_resource(&mut root, rules);
    let (value, _) = write(&root, Some(rules), keep_unmatched);
    value.unwrap_or(Value::Null)
}

fn resource(object: &Map<String, Value>, property: &str, name: &str) -> Node {
    let ty = Model::r4().find_resource(object["resourceType"].as_str().unwrap()).unwrap();
    let mut node = tree(Some(ty), property, name, &Value::Object(object.clone()));
    node.is_resource = true;
    node
}

fn tree(ty: Option<TypeId>, property: &str, name: &str, value: &Value) -> Node {
    let mut node = Node {
        ty,
        property: property.into(),
        name: name.into(),
        value: None,
        is_object: false,
        children: Vec::new(),
        rule: None,
        is_resource: false,
    };
    match value {
        Value::Object(object) => {
            node.is_object = true;
            node.children = children(ty, object);
        }
        scalar => node.value = Some(scalar.clone()),
    }
    node
}

fn children(ty: Option<TypeId>, object: &Map<String, Value>) -> Vec<Property> {
    let model = Model::r4();
    let mut properties: Vec<Property> = Vec::new();
    for (key, value) in object.iter().filter(|(key, _)| !key.starts_with('_')) {
        let element = ty.and_then(|ty| model.element(ty, key));
        let (child, name) = element.map_or((None, key.as_str()), |e| (Some(e.ty), e.name));
        let make = |value: &Value| match value {
            Value::Object(object) if child == Some(model.resource()) => resource(object, key, name),
            value => tree(child, key, name, value),
        };
        let (list, nodes) = match value {
            Value::Array(items) => (true, items.iter().map(make).collect()),
            value => (false, vec![make(value)]),
        };
        properties.push(Property {
            key: key.clone(),
            list,
            nodes,
            required: element.is_some_and(|e| e.required),
        });
    }
    for (key, value) in object.iter().filter(|(key, _)| key.starts_with('_')) {
        let element = model.element(ty.unwrap(), &key[1..]).unwrap();
        let items = match value {
            Value::Array(items) => items.clone(),
            value => vec![value.clone()],
        };
        if !properties.iter().any(|p| p.key == key[1..]) {
            let (list, required) = (value.is_array(), element.required);
            properties.push(Property { key: key[1..].into(), list, nodes: Vec::new(), required });
        }
        let property = properties.iter_mut().find(|p| p.key == key[1..]).unwrap();
        for (at, item) in items.iter().enumerate() {
            if property.nodes.len() <= at {
                property.nodes.push(tree(Some(element.ty), &key[1..], element.name, &Value::Null));
                property.nodes[at].value = None;
            }
            if let Value::Object(object) = item {
                property.nodes[at].children = children(model.find("Element"), object);
            }
        }
    }
    properties
}

/// Marks the nodes of one resource, then those of the resources in it.
fn mark_resource(root: &mut Node, rules: &[(Path, bool)]) {
    for (rule, (path, _)) in rules.iter().enumerate() {
        for steps in &path.alternatives {
            let mut selected = vec![vec![]];
            for step in steps {
                selected = selected.iter().flat_map(|at| follow(root, at, step)).collect();
            }
            for at in selected {
                mark(find_mut(root, &at), rule);
            }
        }
    }
    inner_resources(root, rules);
}

fn inner_resources(node: &mut Node, rules: &[(Path, bool)]) {
    for child in node.children.iter_mut().flat_map(|p| &mut p.nodes) {
        if child.is_resource { mark_resource(child, rules) } else { inner_resources(child, rules) }
    }
}

fn mark(node: &mut Node, rule: usize) {
    node.rule = Some(node.rule.map_or(rule, |first| first.min(rule)));
    for child in node.children.iter_mut().flat_map(|p| &mut p.nodes).filter(|child| !child.is_resource) {
        mark(child, rule);
    }
}

type At = Vec<(usize, usize)>;

fn find<'a>(root: &'a Node, at: &[(usize, usize)]) -> &'a Node {
    at.iter().fold(root, |node, (p, i)| &node.children[*p].nodes[*i])
}

fn find_mut<'a>(root: &'a mut Node, at: &[(usize, usize)]) -> &'a mut Node {
    at.iter().fold(root, |node, (p, i)| &mut node.children[*p].nodes[*i])
}

fn below(root: &Node, at: &At) -> Vec<At> {
    let node = find(root, at);
    if node.is_resource && !at.is_empty() {
        return Vec::new();
    }
    let items = node
        .children
        .iter()
        .enumerate()
        .flat_map(|(p, property)| (0..property.nodes.len()).map(move |i| (p, i)));
    items.map(|step| [at.as_slice(), &[step]].concat()).collect()
}

fn all_below(root: &Node, at: &At) -> Vec<At> {
    below(root, at).into_iter().flat_map(|at| [vec![at.clone()], all_below(root, &at)].concat()).collect()
}

fn follow(root: &Node, at: &At, step: &Step) -> Vec<At> {
    let model = Model::r4();
    let named = |at: &At, name: &str| {
        let node = find(root, at);
        node.name == name || node.property == name
    };
    let here_and_below = || [vec![at.clone()], all_below(root, at)].concat();
    match step {
        Step::OfType(ty) => {
            let is = find(root, at).ty.is_some_and(|own| model.is_a(own, *ty));
            if is { vec![at.clone()] } else { Vec::new() }
        }
        Step::Child(name) => below(root, at).into_iter().filter(|at| named(at, name)).collect(),
        Step::Children => below(root, at),
        Step::Descendants => all_below(root, at),
        Step::NodesByType(name) => {
            let is = |at: &At| find(root, at).ty.is_some_and(|ty| model.instance_name(ty) == name);
            here_and_below().into_iter().filter(is).collect()
        }
        Step::NodesByName(name) => here_and_below().into_iter().filter(|at| named(at, name)).collect(),
        Step::Where(criteria) => {
            let (value, _) = write(find(root, at), None, true);
            if criteria.holds(&value.unwrap_or(Value::Null)) { vec![at.clone()] } else { Vec::new() }
        }
    }
}

/// What is left of a node, and of its sibling; everything is without rules.
fn write(
    node: &Node,
    rules: Option<&[(Path, bool)]>,
    keep_unmatched: bool,
) -> (Option<Value>, Option<Value>) {
    let keeps = rules.is_none_or(|rules| node.rule.map_or(keep_unmatched, |rule| rules[rule].1));
    let known = node.ty.is_some() || keep_unmatched;
    if !known {
        return (None, None);
    }
    let object = written_object(node, rules, keep_unmatched);
    if node.is_object {
        return (object, None);
    }
    let is_primitive = node.ty.is_none_or(|ty| Model::r4().category(ty) == Category::Primitive);
    let value =
        node.value.clone().filter(|value| keeps && (is_primitive || keep_unmatched || value.is_null()));
    (value, if node.children.is_empty() { None } else { object })
}

fn written_object(node: &Node, rules: Option<&[(Path, bool)]>, keep_unmatched: bool) -> Option<Value> {
    let mut map = Map::new();
    let (mut lost, mut invalid) = (false, false);
    let ty = node.ty.map(|ty| Model::r4().get(ty).name).unwrap_or_default();
    for property in &node.children {
        if property.key == "resourceType" && node.is_resource {
            map.insert(property.key.clone(), property.nodes[0].value.clone().unwrap());
            continue;
        }
        let had = property
            .nodes
            .iter()
            .any(|node| node.is_object || node.value.as_ref().is_some_and(|v| !v.is_null()));
        let written: Vec<_> = property.nodes.iter().map(|node| write(node, rules, keep_unmatched)).collect();
        let complex = property.nodes.iter().all(|node| node.is_object);
        let aligned: Vec<_> = written
            .iter()
            .filter(|(value, sibling)| value.as_ref().is_some_and(|v| !v.is_null()) || sibling.is_some())
            .collect();
        let values: Vec<Value> =
            aligned.iter().map(|(value, _)| value.clone().unwrap_or(Value::Null)).collect();
        let siblings: Vec<Value> = aligned.iter().map(|(_, s)| s.clone().unwrap_or(Value::Null)).collect();
        let stays = values.iter().any(|v| !v.is_null());
        lost |= values.len() < property.nodes.len() || (had && !stays);
        invalid |= had && !stays && property.required;
        let shape = |values: Vec<Value>| {
            if property.list { Value::Array(values) } else { values.into_iter().next().unwrap() }
        };
        if stays {
            map.insert(property.key.clone(), shape(values));
        }
        if !complex && siblings.iter().any(|v| !v.is_null()) {
            map.insert(format!("_{}", property.key), shape(siblings));
        }
    }
    let inert = |key: &String| match key.trim_start_matches('_') {
        "id" => !node.is_resource,
        "url" => ty == "Extension",
        "status" => ty == "Narrative",
        "resourceType" => true,
        _ => false,
    };
    let is_root = node.is_resource && node.property != "contained";
    let empty = lost && map.keys().all(inert);
    if !is_root && (empty || invalid) { None } else { Some(Value::Object(map)) }
}

/// Takes the labels of the product out of every resource, which this implementation does not write.
pub fn without_labels(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(meta)) = map.get_mut("meta") {
                if let Some(Value::Array(security)) = meta.get_mut("security") {
                    security.retain(|coding| coding["code"] != "REDACTED");
                    if security.is_empty() {
                        meta.remove("security");
                    }
                }
                if meta.is_empty() {
                    map.remove("meta");
                }
            }
            map.values_mut().for_each(without_labels);
        }
        Value::Array(items) => items.iter_mut().for_each(without_labels),
        _ => {}
    }
}
