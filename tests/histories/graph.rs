//! A graph of transactions: components by Tarjan's algorithm, and in them the shortest cycle.

use std::collections::VecDeque;

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The other wrote what came next.
    WriteWrite,
    /// The other read what this one wrote.
    WriteRead,
    /// The other wrote over what this one read.
    ReadWrite,
    /// Of one connection, in an order that is promised.
    Session,
    /// It was answered before the other was asked for.
    RealTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub reason: Reason,
}

pub struct Graph {
    edges: Vec<Vec<Edge>>,
}

impl Graph {
    pub fn new(nodes: usize) -> Self {
        Graph { edges: vec![Vec::new(); nodes] }
    }

    /// A transaction is not before itself: such an edge is none.
    pub fn add(&mut self, from: usize, to: usize, reason: Reason) {
        let edge = Edge { from, to, reason };
        if from != to && !self.edges[from].contains(&edge) {
            self.edges[from].push(edge);
        }
    }

    /// The shortest cycle whose edges have these reasons.
    pub fn shortest_cycle(&self, reasons: &[Reason]) -> Option<Vec<Edge>> {
        let mut shortest: Option<Vec<Edge>> = None;
        let mut components = self.components(reasons);
        components.retain(|component| component.len() > 1);
        components.sort_by_key(Vec::len);
        for component in components {
            let mut is_inside = vec![false; self.edges.len()];
            component.iter().for_each(|&node| is_inside[node] = true);
            for &start in &component {
                let cycle = self.cycle_through(start, &is_inside, reasons);
                if shortest.as_ref().is_none_or(|shortest| cycle.len() < shortest.len()) {
                    shortest = Some(cycle);
                }
            }
        }
        shortest
    }

    fn allowed<'a>(&'a self, node: usize, reasons: &'a [Reason]) -> impl Iterator<Item = &'a Edge> {
        self.edges[node].iter().filter(|edge| reasons.contains(&edge.reason))
    }

    /// Breadth first from `start` until an edge leads back to it; every node of a component has such a way.
    fn cycle_through(&self, start: usize, is_inside: &[bool], reasons: &[Reason]) -> Vec<Edge> {
        let mut came_by: Vec<Option<Edge>> = vec![None; self.edges.len()];
        let mut waiting = VecDeque::from([start]);
        while let Some(node) = waiting.pop_front() {
            for &edge in self.allowed(node, reasons) {
                if edge.to == start {
                    return way_back(edge, start, &came_by);
                }
                if is_inside[edge.to] && came_by[edge.to].is_none() {
                    came_by[edge.to] = Some(edge);
                    waiting.push_back(edge.to);
                }
            }
        }
        unreachable!("a component of several nodes has a cycle through each");
    }

    /// Strongly connected components by Tarjan's algorithm, with a stack of its own instead of recursion.
    fn components(&self, reasons: &[Reason]) -> Vec<Vec<usize>> {
        let next: Vec<Vec<usize>> = (0..self.edges.len())
            .map(|node| self.allowed(node, reasons).map(|edge| edge.to).collect())
            .collect();
        let mut search = Search::new(next);
        for root in 0..self.edges.len() {
            search.visit(root);
        }
        search.found
    }
}

fn way_back(last: Edge, start: usize, came_by: &[Option<Edge>]) -> Vec<Edge> {
    let mut cycle = vec![last];
    while let Some(edge) = cycle.last().filter(|edge| edge.from != start) {
        cycle.push(came_by[edge.from].expect("the search came to it by an edge"));
    }
    cycle.reverse();
    cycle
}

struct Search {
    next: Vec<Vec<usize>>,
    /// When a node was first met; 0 before.
    met: Vec<usize>,
    /// The earliest node of the open ones that can be reached from it.
    low: Vec<usize>,
    clock: usize,
    open: Vec<usize>,
    is_open: Vec<bool>,
    found: Vec<Vec<usize>>,
}

impl Search {
    fn new(next: Vec<Vec<usize>>) -> Self {
        let count = next.len();
        Search {
            next,
            met: vec![0; count],
            low: vec![0; count],
            clock: 0,
            open: Vec::new(),
            is_open: vec![false; count],
            found: Vec::new(),
        }
    }

    fn visit(&mut self, root: usize) {
        if self.met[root] != 0 {
            return;
        }
        // Nodes on the way down, each with the number of its edges that were followed.
        let mut way = vec![(root, 0)];
        self.enter(root);
        while let Some((node, followed)) = way.last_mut() {
            let node = *node;
            if let Some(&to) = self.next[node].get(*followed) {
                *followed += 1;
                if self.met[to] == 0 {
                    self.enter(to);
                    way.push((to, 0));
                } else if self.is_open[to] {
                    self.low[node] = self.low[node].min(self.met[to]);
                }
                continue;
            }
            way.pop();
            if let Some(&(above, _)) = way.last() {
                self.low[above] = self.low[above].min(self.low[node]);
            }
            if self.low[node] == self.met[node] {
                self.close(node);
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.clock += 1;
        (self.met[node], self.low[node]) = (self.clock, self.clock);
        self.open.push(node);
        self.is_open[node] = true;
    }

    /// Everything open above `node` is one component with it.
    fn close(&mut self, node: usize) {
        let at = self.open.iter().rposition(|&open| open == node).expect("it is open");
        let component = self.open.split_off(at);
        component.iter().for_each(|&node| self.is_open[node] = false);
        self.found.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Random;

    /// Whether there is a way from each node to each, by Warshall.
    fn reaches(edges: &[Edge], nodes: usize) -> Vec<Vec<bool>> {
        let mut reaches = vec![vec![false; nodes]; nodes];
        edges.iter().for_each(|edge| reaches[edge.from][edge.to] = true);
        for middle in 0..nodes {
            for from in 0..nodes {
                for to in 0..nodes {
                    reaches[from][to] |= reaches[from][middle] && reaches[middle][to];
                }
            }
        }
        reaches
    }

    #[test]
    fn cycles_are_found_where_a_matrix_finds_them() {
        let (mut random, _) = Random::printed();
        for _ in 0..2000 {
            let nodes = 2 + random.below(9);
            let mut graph = Graph::new(nodes);
            for _ in 0..random.below(2 * nodes) {
                graph.add(random.below(nodes), random.below(nodes), Reason::WriteWrite);
            }
            let edges: Vec<_> = graph.edges.iter().flatten().copied().collect();
            let reaches = reaches(&edges, nodes);
            let cycle = graph.shortest_cycle(&[Reason::WriteWrite]);
            assert_eq!(cycle.is_some(), (0..nodes).any(|node| reaches[node][node]), "{edges:?}");
            for pair in cycle.iter().flat_map(|cycle| cycle.iter().zip(cycle.iter().cycle().skip(1))) {
                assert_eq!(pair.0.to, pair.1.from, "{cycle:?}");
            }
            for component in graph.components(&[Reason::WriteWrite]) {
                let together =
                    |&node: &usize| component.iter().all(|&other| node == other || reaches[node][other]);
                assert!(component.iter().all(together), "{component:?} {edges:?}");
            }
            assert!(graph.shortest_cycle(&[Reason::ReadWrite]).is_none());
        }
    }
}
