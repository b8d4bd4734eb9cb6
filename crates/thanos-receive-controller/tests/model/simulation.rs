//! A simulated cluster with a controller, the StatefulSet controller, routers and nodes, whose actions
//! can happen in any order.

use std::collections::BTreeMap;

use thanos_receive_controller::hashring::{
    DesiredHashring, DesiredHashrings, IngesterSet, ObservedHashrings, Pod, Record, Ring, Router,
    UploadState, advance, allowed_actions, rejection,
};

/// Current time. Events now have this time; events long ago have time zero.
const NOW: i64 = 100_000;

/// The part of a spec that the model covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelSpec {
    pub factor: usize,
    pub rings: Vec<(&'static str, i32)>,
    pub dynamic: bool,
    pub delete_pvcs: bool,
}

/// Samples of an ingester that are not uploaded. 2: all, 1: what the first restart leaves behind, 0: none.
pub type NotUploaded = u8;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ingester {
    pub uid: u8,
    pub ready: bool,
    /// Whether its readiness has been unchanged for long.
    pub long: bool,
    /// Whether it started after its member left.
    pub after: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouterPod {
    pub factor: usize,
    pub rings: Vec<Ring>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Volume {
    pub not_uploaded: NotUploaded,
    /// Number of pods that mounted it so far.
    pub pods: u8,
    /// Whether it had samples, and is not a PVC that was kept when its member was removed.
    pub used: bool,
}

/// Hashring and ordinal of a member.
pub type Member = (&'static str, i32);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Simulation {
    pub spec: ModelSpec,
    pub record: Option<Record>,
    pub sets: BTreeMap<&'static str, i32>,
    pub ingesters: BTreeMap<Member, Ingester>,
    pub volumes: BTreeMap<Member, Volume>,
    /// Replication factor in the template of the Deployment; `None` without a Deployment.
    pub template: Option<usize>,
    pub routers: Vec<RouterPod>,
    /// Remaining changes of the spec, and remaining faults.
    pub changes: u8,
    pub faults: u8,
}

/// Inputs of one reconcile.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub desired: DesiredHashrings,
    pub ingester_sets: BTreeMap<String, IngesterSet>,
    pub routers: Vec<RouterPod>,
    pub template: Option<usize>,
    pub record: Option<Record>,
}

impl Snapshot {
    /// With current probe results of routers: pods in the cache may be outdated, probe results are not.
    pub fn with_probe_results_of(mut self, simulation: &Simulation) -> Self {
        let known = self.routers.len().min(simulation.routers.len());
        self.routers = simulation.routers[..known].to_vec();
        self
    }
}

/// Replicas of the Deployment of routers.
const ROUTERS: usize = 2;

impl Simulation {
    pub fn new(spec: ModelSpec, changes: u8, faults: u8) -> Self {
        Self {
            spec,
            record: None,
            sets: BTreeMap::new(),
            ingesters: BTreeMap::new(),
            volumes: BTreeMap::new(),
            template: None,
            routers: Vec::new(),
            changes,
            faults,
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut ingester_sets: BTreeMap<String, IngesterSet> = BTreeMap::new();
        for (ring, replicas) in &self.sets {
            ingester_sets
                .entry((*ring).to_owned())
                .or_default()
                .replicas = *replicas;
        }
        for ((ring, member), ingester) in &self.ingesters {
            let not_uploaded = self.volumes[&(*ring, *member)].not_uploaded;
            let pod = Pod {
                uid: ingester.uid.to_string(),
                ready: ingester.ready,
                changed: Some(if ingester.long { 0 } else { NOW }),
                zone: None,
                uploads: true,
                retention: 500,
                upload_state: ingester.ready.then_some(UploadState {
                    started: if ingester.after { NOW } else { -1 },
                    series: not_uploaded.into(),
                    failures: 0,
                }),
            };
            let ingester_sets = ingester_sets.entry((*ring).to_owned()).or_default();
            ingester_sets.pods.insert(*member, pod);
        }
        for (ring, member) in self.volumes.keys() {
            let ingester_sets = ingester_sets.entry((*ring).to_owned()).or_default();
            ingester_sets.pvcs.push(*member);
        }
        Snapshot {
            desired: self.desired(),
            ingester_sets,
            routers: self.routers.clone(),
            template: self.template,
            record: self.record.clone(),
        }
    }

    fn desired(&self) -> DesiredHashrings {
        let ring = |(name, replicas): &(&str, i32)| DesiredHashring {
            ring: Ring {
                name: (*name).to_owned(),
                algorithm: "ketama".to_owned(),
                matcher: "exact".to_owned(),
                ..Default::default()
            },
            replicas: *replicas,
            zones: false,
        };
        DesiredHashrings {
            replication_factor: self.spec.factor,
            dynamic: self.spec.dynamic,
            delete_pvcs: self.spec.delete_pvcs,
            store_sync: 60,
            rings: self.spec.rings.iter().map(ring).collect(),
            ..Default::default()
        }
    }

    /// One reconcile of `snapshot`. The controller exits after it stored the record, if `exits`.
    pub fn reconcile(&mut self, snapshot: &Snapshot, exits: bool) -> Result<(), String> {
        let rings = snapshot.record.as_ref().map(|r| r.rings.as_slice());
        let routers = snapshot
            .routers
            .iter()
            .enumerate()
            .map(|(i, router)| Router {
                pod: i.to_string(),
                replication_factor: router.factor,
                has_rings: Ok(Some(router.rings.as_slice()) == rings),
                given_up: false,
            });
        let routers: Vec<Router> = routers.collect();
        let observed_hashrings = ObservedHashrings {
            record: snapshot.record.as_ref(),
            desired: &snapshot.desired,
            ingester_sets: &snapshot.ingester_sets,
            routers: &routers,
            desired_routers: ROUTERS,
            router_template: snapshot.template,
            routers_are_current: snapshot
                .routers
                .iter()
                .all(|r| Some(r.factor) == snapshot.template),
            now: NOW,
        };
        let next = advance(&observed_hashrings);
        let actions = allowed_actions(&observed_hashrings, &next);
        if self.record.as_ref() != Some(&next) {
            if snapshot.record != self.record {
                // The API server rejects the outdated resource version.
                return Ok(());
            }
            self.publish(&next, snapshot)?;
        }
        if exits {
            return Ok(());
        }
        for (ring, replicas) in actions.replicas {
            self.sets.insert(name_of(&ring), replicas);
        }
        let kept = |ring: &str| {
            let is_desired = self.spec.rings.iter().any(|(name, _)| *name == ring);
            is_desired
                || snapshot.desired.rings.iter().any(|w| w.ring.name == ring)
                || actions.kept.iter().any(|name| name == ring)
        };
        let surplus: Vec<&str> = self.sets.keys().copied().filter(|r| !kept(r)).collect();
        for ring in surplus {
            self.sets.remove(ring);
        }
        if let Some(factor) = actions.replication_factor {
            self.template = Some(factor);
        }
        if let Some(restart) = actions.restart {
            let member = (name_of(&restart.ring), restart.member);
            let current = self.ingesters.get(&member).map(|i| i.uid.to_string());
            if current.as_ref() == Some(&restart.uid) {
                self.stop(member)?;
            }
        }
        for (ring, member) in actions.pvcs {
            let member = (name_of(&ring), member);
            if self.ingesters.contains_key(&member) {
                continue;
            }
            let volume = self.volumes.remove(&member);
            if volume.is_some_and(|v| v.not_uploaded > 0) {
                return Err(format!(
                    "the PVC of {member:?} is deleted before its upload"
                ));
            }
        }
        Ok(())
    }

    fn publish(&mut self, next: &Record, snapshot: &Snapshot) -> Result<(), String> {
        let before = self.record.as_ref().map_or(&[][..], |r| &r.rings);
        if before != next.rings {
            if let Some(late) = self.routers.iter().find(|r| r.rings != before) {
                return Err(format!(
                    "published before {late:?} loaded the last hashrings"
                ));
            }
            for ring in &next.rings {
                let same = before
                    .iter()
                    .any(|b| b.name == ring.name && b.members == ring.members);
                let members = ring.members.keys();
                // The decision is based on the pods of the snapshot.
                let pods = snapshot.ingester_sets.get(&ring.name).map(|h| &h.pods);
                let is_ready = |m: &&i32| pods.is_some_and(|p| p.get(m).is_some_and(|p| p.ready));
                let ready = members.filter(is_ready).count();
                let factor = self.template.unwrap_or(next.replication_factor);
                if !same && ready < factor {
                    return Err(format!("published with {ready} ready: {ring:?}"));
                }
            }
        }
        // PVCs of removed members are kept on purpose.
        let draining = self.record.iter().flat_map(|r| &r.draining);
        let all = draining.flat_map(|(ring, members)| members.keys().map(move |m| (ring, *m)));
        for (ring, member) in all.filter(|(ring, m)| next.draining(ring, *m).is_none()) {
            if let Some(volume) = self.volumes.get_mut(&(name_of(ring), member)) {
                volume.used = false;
            }
        }
        self.record = Some(next.clone());
        Ok(())
    }

    fn is_ready(&self, member: Member) -> bool {
        self.ingesters.get(&member).is_some_and(|i| i.ready)
    }

    /// Whether a member receives samples, or may.
    fn is_written_to(&self, member: Member) -> bool {
        let has = |rings: &[Ring]| {
            let mut rings = rings.iter();
            rings.any(|r| r.name == member.0 && r.members.contains_key(&member.1))
        };
        let published = self.record.as_ref().is_some_and(|r| has(&r.rings));
        published || self.routers.iter().any(|r| has(&r.rings))
    }

    /// Stops a pod on behalf of the controller: it uploads most of its samples.
    fn stop(&mut self, member: Member) -> Result<(), String> {
        if self.is_written_to(member) {
            return Err(format!("{member:?} is stopped while it receives samples"));
        }
        self.shut_down(member);
        Ok(())
    }

    fn shut_down(&mut self, member: Member) {
        self.ingesters.remove(&member);
        if let Some(volume) = self.volumes.get_mut(&member) {
            volume.not_uploaded = volume.not_uploaded.saturating_sub(1);
        }
    }

    /// Events that happen eventually.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (member, ingester) in &self.ingesters {
            if !ingester.ready {
                events.push(Event::Ready(*member));
            }
            let replicas = self.sets.get(member.0).copied().unwrap_or(0);
            if member.1 >= replicas {
                events.push(Event::ScaledAway(*member));
            }
        }
        for (ring, replicas) in &self.sets {
            let missing = (0..*replicas).map(|m| (*ring, m));
            let missing = missing.filter(|m| !self.ingesters.contains_key(m));
            events.extend(missing.map(Event::Created));
        }
        let file = self.record.as_ref().map(|r| &r.rings);
        if let Some(template) = self.template {
            if self.routers.len() < ROUTERS {
                events.push(Event::RouterCreated);
            }
            for (i, router) in self.routers.iter().enumerate() {
                if Some(&router.rings) != file {
                    events.push(Event::RouterReads(i));
                }
                if router.factor != template {
                    events.push(Event::RouterReplaced(i));
                }
            }
        }
        if self.has_recent() {
            events.push(Event::TimePasses);
        }
        events
    }

    fn has_recent(&self) -> bool {
        let draining = self
            .record
            .iter()
            .flat_map(|r| r.draining.values())
            .flat_map(|m| m.values());
        let mut recent = draining.map(|l| l.since == NOW || l.drained_at == Some(NOW));
        recent.any(|r| r)
            || self
                .ingesters
                .values()
                .any(|i| !i.long && (self.spec.dynamic || i.ready && self.is_draining()))
    }

    fn is_draining(&self) -> bool {
        self.record.as_ref().is_some_and(|r| !r.draining.is_empty())
    }

    /// Faults.
    pub fn faults(&self) -> Vec<Event> {
        if self.faults == 0 {
            return Vec::new();
        }
        let ingesters = self.ingesters.iter();
        let of_ingesters = ingesters.flat_map(|(m, i)| {
            let crash = i.ready.then_some(Event::Crash(*m));
            crash.into_iter().chain([Event::Evicted(*m)])
        });
        let routers = (0..self.routers.len()).map(Event::RouterLost);
        of_ingesters.chain(routers).collect()
    }

    pub fn happen(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Ready(member) => {
                if let Some(ingester) = self.ingesters.get_mut(member) {
                    ingester.ready = true;
                    ingester.long = false;
                }
            }
            Event::Created(member) => {
                let volume = self.volumes.entry(*member).or_default();
                volume.pods += 1;
                let uid = volume.pods;
                let record = self.record.as_ref();
                let after = record.is_some_and(|r| r.draining(member.0, member.1).is_some());
                let new = Ingester {
                    uid,
                    ready: false,
                    long: false,
                    after,
                };
                self.ingesters.insert(*member, new);
            }
            Event::ScaledAway(member) => {
                self.stop(*member)?;
                if self.volumes.get(member).is_some_and(|v| v.not_uploaded > 0) {
                    return Err(format!("{member:?} was removed before its upload"));
                }
            }
            Event::RouterCreated => self.routers.push(self.router()),
            Event::RouterReads(i) => self.routers[*i].rings = self.router().rings,
            Event::RouterReplaced(i) | Event::RouterLost(i) => {
                if matches!(event, Event::RouterLost(_)) {
                    self.faults -= 1;
                }
                self.routers[*i] = self.router();
            }
            Event::TimePasses => self.age(),
            Event::Crash(member) => {
                self.faults -= 1;
                if let Some(ingester) = self.ingesters.get_mut(member) {
                    ingester.ready = false;
                    ingester.long = false;
                }
            }
            Event::Evicted(member) => {
                self.faults -= 1;
                self.shut_down(*member);
            }
        }
        self.routers.sort();
        self.write();
        self.check()
    }

    fn router(&self) -> RouterPod {
        RouterPod {
            factor: self.template.unwrap_or_default(),
            rings: self
                .record
                .as_ref()
                .map(|r| r.rings.clone())
                .unwrap_or_default(),
        }
    }

    fn age(&mut self) {
        let draining = self.record.iter_mut().flat_map(|r| r.draining.values_mut());
        for left in draining.flat_map(|members| members.values_mut()) {
            left.since = 0;
            left.drained_at = left.drained_at.map(|_| 0);
        }
        self.ingesters.values_mut().for_each(|i| i.long = true);
    }

    /// Every running ingester that a router knows receives samples.
    fn write(&mut self) {
        let reached: Vec<Member> = self
            .routers
            .iter()
            .flat_map(|r| &r.rings)
            .flat_map(|r| r.members.keys().map(|m| (name_of(&r.name), *m)))
            .filter(|m| self.is_ready(*m))
            .collect();
        for member in reached {
            if let Some(volume) = self.volumes.get_mut(&member) {
                volume.not_uploaded = 2;
                volume.used = true;
            }
        }
    }

    /// Checks that no router exits, or would.
    fn check(&self) -> Result<(), String> {
        for router in &self.routers {
            if let Some(why) = rejection(&router.rings, router.factor) {
                return Err(format!("a router exits: {why}"));
            }
        }
        let Some(record) = self.record.as_ref().filter(|r| !r.rings.is_empty()) else {
            return Ok(());
        };
        let factors = self.routers.iter().map(|r| r.factor).chain(self.template);
        for factor in factors.chain([record.replication_factor]) {
            if let Some(why) = rejection(&record.rings, factor) {
                return Err(format!("routers would exit: {why}"));
            }
        }
        Ok(())
    }

    /// Whether the cluster has converged to the spec.
    pub fn is_converged(&self) -> bool {
        let Some(record) = &self.record else {
            return false;
        };
        let rings: Vec<(&str, Vec<i32>)> = record
            .rings
            .iter()
            .map(|r| (r.name.as_str(), r.members.keys().copied().collect()))
            .collect();
        let desired: Vec<(&str, Vec<i32>)> = self
            .spec
            .rings
            .iter()
            .map(|(name, replicas)| (*name, (0..*replicas).collect()))
            .collect();
        let sets: BTreeMap<&str, i32> = self.spec.rings.iter().copied().collect();
        let ingesters: i32 = sets.values().sum();
        rings == desired
            && record.confirmed
            && record.draining.is_empty()
            && self.sets == sets
            && self.ingesters.len() == usize::try_from(ingesters).unwrap()
            && self.template == Some(self.spec.factor)
            && self.routers.iter().all(|r| r.factor == self.spec.factor)
            && (!self.spec.delete_pvcs || {
                let mut volumes = self.volumes.iter();
                volumes.all(|(member, volume)| !volume.used || self.ingesters.contains_key(member))
            })
    }
}

/// An event that the controller does not cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Ready(Member),
    Created(Member),
    ScaledAway(Member),
    RouterCreated,
    RouterReads(usize),
    RouterReplaced(usize),
    TimePasses,
    Crash(Member),
    Evicted(Member),
    RouterLost(usize),
}

fn name_of(ring: &str) -> &'static str {
    match ring {
        "a" => "a",
        "b" => "b",
        other => panic!("{other}"),
    }
}
