//! The one shape that every PAN-OS text format is read into.
//!
//! XML elements, the words of a `set` line and the words of the braced CLI
//! output all spell the same path: an `entry` contributes its name, a
//! `member` its text, every other element its tag, and a text value is one
//! more step. So `<from><member>trust</member></from>`, `set ... from trust`
//! and `from trust;` become the same branch, and everything behind the
//! readers knows one format.

use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::cell::Cell;

/// How many steps a path may have. The deepest real ones have about 25.
pub(super) const MAX_DEPTH: usize = 200;
/// How many nodes a tree may have; a larger input is refused.
pub(super) const MAX_NODES: usize = 6_000_000;

/// Where a node stands: lines from 1, bytes within the first line from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub(super) struct Place {
    /// First line.
    pub(super) line: u32,
    /// First byte of that line.
    pub(super) start: u32,
    /// One past the last byte that is meant.
    pub(super) end: u32,
    /// Last line.
    pub(super) last_line: u32,
}

/// What became of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Mark {
    /// Nobody looked at it yet.
    #[default]
    None,
    /// Its meaning is in the syntax tree.
    Modeled,
    /// It cannot affect transit traffic.
    Inert(&'static str),
    /// It was looked at and not understood; what encloses it knows.
    Opaque,
    /// It stands below a value, where nothing belongs.
    Stray,
}

/// Up to so many children are searched one by one.
const FEW: usize = 8;

/// Which node of a [`Tree`].
pub(super) type NodeId = u32;

/// The root of every tree.
pub(super) const ROOT: NodeId = 0;

struct Node<'a> {
    name: Cow<'a, str>,
    parent: NodeId,
    children: Vec<NodeId>,
    place: Place,
    /// When it was last written: of two alternatives the later one counts.
    written: u32,
    removed: bool,
    mark: Cell<Mark>,
}

/// A configuration as paths.
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// Children by name, of nodes that have more than a few.
    index: FxHashMap<NodeId, FxHashMap<Cow<'a, str>, NodeId>>,
    /// Further lines that repeat a value.
    repeated: FxHashMap<NodeId, Vec<u32>>,
    clock: u32,
    full: bool,
}

impl<'a> Tree<'a> {
    /// A tree with a root alone.
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node {
                name: Cow::Borrowed(""),
                parent: ROOT,
                children: Vec::new(),
                place: Place::default(),
                written: 0,
                removed: false,
                mark: Cell::new(Mark::None),
            }],
            index: FxHashMap::default(),
            repeated: FxHashMap::default(),
            clock: 0,
            full: false,
        }
    }

    /// True if nodes had to be left out.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    /// Adds a child that has no namesake among its siblings (XML).
    pub(super) fn push(&mut self, parent: NodeId, name: Cow<'a, str>, place: Place) -> NodeId {
        if self.nodes.len() >= MAX_NODES {
            self.full = true;
            return parent;
        }
        self.clock += 1;
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            name,
            parent,
            children: Vec::new(),
            place,
            written: self.clock,
            removed: false,
            mark: Cell::new(Mark::None),
        });
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.children.push(id);
        }
        id
    }

    /// The child of that name, added if there is none (`set` and braces).
    pub(super) fn enter(&mut self, parent: NodeId, name: Cow<'a, str>, place: Place) -> NodeId {
        if let Some(id) = self.find(parent, &name) {
            self.touch(id, place);
            return id;
        }
        let id = self.push(parent, name, place);
        let children = self
            .nodes
            .get(parent as usize)
            .map_or(&[][..], |n| &n.children);
        if id != parent && children.len() > FEW {
            // The first time a node has many children, all of them get in.
            let from = if children.len() == FEW + 1 { 0 } else { FEW };
            let index = self.index.entry(parent).or_default();
            for &child in children.get(from..).unwrap_or(&[]).iter().rev() {
                if from > 0 && child != id {
                    break;
                }
                if let Some(node) = self.nodes.get(child as usize) {
                    index.insert(node.name.clone(), child);
                }
            }
        }
        id
    }

    /// Writes a node once more.
    pub(super) fn touch(&mut self, id: NodeId, place: Place) {
        self.clock += 1;
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.written = self.clock;
            if node.children.is_empty() {
                self.repeated.entry(id).or_default().push(place.line);
            } else {
                node.place.last_line = node.place.last_line.max(place.last_line);
            }
        }
    }

    /// The child of that name, if [`Self::enter`] added one.
    pub(super) fn find(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        let children = &self.nodes.get(parent as usize)?.children;
        if children.len() > FEW {
            return self.index.get(&parent)?.get(name).copied();
        }
        children
            .iter()
            .copied()
            .find(|&c| self.nodes.get(c as usize).is_some_and(|n| n.name == name))
    }

    /// Takes a node out of its parent.
    pub(super) fn remove(&mut self, id: NodeId) {
        let Some((parent, name)) = self
            .nodes
            .get(id as usize)
            .map(|n| (n.parent, n.name.clone()))
        else {
            return;
        };
        if let Some(index) = self.index.get_mut(&parent) {
            index.remove(&name);
        }
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.children.retain(|&c| c != id);
        }
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.removed = true;
        }
    }

    /// Gives a node another name.
    pub(super) fn rename(&mut self, id: NodeId, name: Cow<'a, str>) {
        let Some((parent, old)) = self
            .nodes
            .get(id as usize)
            .map(|n| (n.parent, n.name.clone()))
        else {
            return;
        };
        if let Some(index) = self.index.get_mut(&parent) {
            index.remove(&old);
            index.insert(name.clone(), id);
        }
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.name = name;
        }
    }

    /// Puts a node at `position` of the list that its siblings make once it
    /// is taken out.
    pub(super) fn reposition(&mut self, id: NodeId, position: impl FnOnce(&[NodeId]) -> usize) {
        let Some(parent) = self.nodes.get(id as usize).map(|n| n.parent) else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.children.retain(|&c| c != id);
            let at = position(&node.children).min(node.children.len());
            node.children.insert(at, id);
        }
    }

    /// Sets the last line of a node.
    pub(super) fn close(&mut self, id: NodeId, last_line: u32) {
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.place.last_line = last_line;
        }
    }

    /// A view of a node.
    pub(super) fn at(&self, id: NodeId) -> At<'_> {
        let tree: &Tree<'_> = self;
        At { tree, id }
    }

    /// A view of the root.
    pub(super) fn root(&self) -> At<'_> {
        self.at(ROOT)
    }
}

/// A node together with its tree.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    tree: &'t Tree<'t>,
    id: NodeId,
}

impl<'t> At<'t> {
    fn node(&self) -> Option<&'t Node<'t>> {
        self.tree.nodes.get(self.id as usize)
    }

    /// Its step of the path.
    pub(super) fn name(&self) -> &'t str {
        self.node().map_or("", |n| n.name.as_ref())
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        self.node().map(|n| n.place).unwrap_or_default()
    }

    /// Lines after the first one that give the same value again.
    pub(super) fn repeated(&self) -> &'t [u32] {
        self.tree.repeated.get(&self.id).map_or(&[], Vec::as_slice)
    }

    /// Its children in order.
    pub(super) fn children(&self) -> impl DoubleEndedIterator<Item = At<'t>> + use<'t> {
        let tree = self.tree;
        self.node()
            .map_or(&[][..], |n| n.children.as_slice())
            .iter()
            .map(move |&id| At { tree, id })
    }

    /// True if nothing is below it.
    pub(super) fn is_leaf(&self) -> bool {
        self.node().is_none_or(|n| n.children.is_empty())
    }

    /// The child of that name.
    pub(super) fn child(&self, name: &str) -> Option<At<'t>> {
        self.children().find(|c| c.name() == name)
    }

    /// The node at the end of a path.
    pub(super) fn path(&self, steps: &[&str]) -> Option<At<'t>> {
        steps.iter().try_fold(*self, |at, step| at.child(step))
    }

    /// The child that was written last: the value of a single-valued field.
    pub(super) fn value(&self) -> Option<At<'t>> {
        self.children()
            .max_by_key(|c| c.node().map_or(0, |n| n.written))
    }

    /// Its mark.
    pub(super) fn mark(&self) -> Mark {
        self.node().map(|n| n.mark.get()).unwrap_or_default()
    }

    fn set_mark(&self, mark: Mark) {
        if let Some(node) = self.node() {
            node.mark.set(mark);
        }
    }

    /// Its meaning, and that of everything below without a mark of its own,
    /// is in the syntax tree.
    pub(super) fn modeled(&self) {
        self.set_mark(Mark::Modeled);
    }

    /// It has no effect on transit traffic.
    pub(super) fn inert(&self, reason: &'static str) {
        self.set_mark(Mark::Inert(reason));
    }

    /// Nothing belongs below this value: what is there is not understood, and
    /// nothing that encloses it knows.
    pub(super) fn ends(&self) {
        for below in self.children() {
            below.set_mark(Mark::Stray);
        }
    }

    /// It is not understood, and what encloses it takes care of that.
    pub(super) fn opaque(&self) {
        self.set_mark(Mark::Opaque);
    }

    /// The steps from `above` (exclusive) to here and everything below, as
    /// one line of text: the identity of something that is not understood.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        out.push_str(self.name());
        let mut children = self.children();
        if let Some(first) = children.next()
            && depth < MAX_DEPTH
        {
            let rest: Vec<At<'t>> = children.collect();
            out.push(' ');
            if rest.is_empty() {
                first.write(out, depth + 1);
            } else {
                out.push_str("[ ");
                first.write(out, depth + 1);
                for other in rest {
                    out.push(' ');
                    other.write(out, depth + 1);
                }
                out.push_str(" ]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_written_last_counts() {
        let mut tree = Tree::new();
        let action = tree.enter(ROOT, "action".into(), Place::default());
        for value in ["deny", "allow", "deny"] {
            tree.enter(action, value.into(), Place::default());
        }
        assert_eq!(tree.at(action).value().unwrap().name(), "deny");
        assert_eq!(tree.at(action).text(), "action [ deny allow ]");
    }

    #[test]
    fn moving_and_removing() {
        let mut tree = Tree::new();
        let ids: Vec<NodeId> = ["a", "b", "c"]
            .iter()
            .map(|n| tree.enter(ROOT, Cow::Borrowed(*n), Place::default()))
            .collect();
        tree.reposition(ids[2], |_| 0);
        tree.remove(ids[0]);
        let left: Vec<&str> = tree.root().children().map(|c| c.name()).collect();
        assert_eq!(left, ["c", "b"]);
        assert!(tree.find(ROOT, "a").is_none());
    }

    #[test]
    fn many_children_are_found_by_name() {
        let mut tree = Tree::new();
        let place = Place::default();
        let enter = |tree: &mut Tree<'static>, n: usize| {
            tree.enter(ROOT, Cow::Owned(format!("n{n}")), place)
        };
        let ids: Vec<NodeId> = (0..40).map(|n| enter(&mut tree, n)).collect();
        assert_eq!(
            ids,
            (0..40).map(|n| enter(&mut tree, n)).collect::<Vec<_>>()
        );
        tree.rename(ids[3], "x".into());
        ids[5..39].iter().for_each(|&id| tree.remove(id));
        assert_eq!(tree.find(ROOT, "x"), Some(ids[3]));
        assert!(tree.find(ROOT, "n3").is_none());
        let again: Vec<NodeId> = (100..120).map(|n| enter(&mut tree, n)).collect();
        assert_eq!(tree.find(ROOT, "x"), Some(ids[3]));
        assert_eq!(tree.find(ROOT, "n119"), again.last().copied());
        assert_eq!(tree.find(ROOT, "n39"), Some(ids[39]));
        assert!(tree.find(ROOT, "n7").is_none());
    }
}
