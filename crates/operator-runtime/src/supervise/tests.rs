use std::time::Duration;

use super::*;
use crate::reconcile::fake::Fake;
use crate::reconcile::toy::ToyController;

#[tokio::test]
async fn each_field_selector_has_its_own_watch() {
    let fake = Fake::default();
    let (_, caps) = watch::channel(Caps::default());
    let mut supervisor = Supervisor::<ToyController> {
        cache: Arc::new(Cache::new(caps, Arc::default())),
        client: fake.client(),
        scopes: vec![Scope {
            namespace: Some("ns".to_owned()),
            client: fake.client(),
        }],
        lists: watcher::Config::default(),
        metrics: Metrics::new("toy"),
        running: BTreeMap::new(),
        always: Vec::new(),
    };
    supervisor.start();
    let expected = supervisor.cache.sync_progress().borrow().clone();
    let events = expected.iter().filter(|id| id.kind == "Event");
    let fields: Vec<_> = events.map(|id| id.fields).collect();
    let mounts = "involvedObject.kind=Pod,reason=FailedMount";
    let attachments = "reason==FailedAttachVolume,type!=Normal";
    assert_eq!(fields, [Some(mounts), Some(attachments)]);

    let encoded = [
        "fieldSelector=involvedObject.kind%3DPod%2Creason%3DFailedMount",
        "fieldSelector=reason%3D%3DFailedAttachVolume%2Ctype%21%3DNormal",
    ];
    let both_sent = async {
        loop {
            let queries = fake.queries();
            let is_sent = |it: &&str| queries.iter().any(|query| query.contains(it));
            if encoded.iter().all(is_sent) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let both_sent = tokio::time::timeout(Duration::from_secs(10), both_sent).await;
    assert!(both_sent.is_ok(), "{:?}", fake.queries());
}
