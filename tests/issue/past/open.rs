//! Batches that were open.

use crate::past::unpacked::Past;

fn every(way: &str) {
    for name in Past::all(way) {
        let past = Past::unpack(&name);
        past.go_on();
        past.check();
        let files = past.workshop.files("batch");
        let again = past.again().success();
        assert!(again.err().contains("already done"), "{name}: {}", again.err());
        past.workshop.delete("batch");
        past.again().success();
        assert!(past.workshop.files("batch") == files, "{name}: a sealed batch is published again byte for byte");
    }
}

#[test]
fn a_local_batch_is_finished_in_every_state() {
    every("local-");
}

#[test]
fn a_plan_is_finished_in_every_state_of_planner_and_vault() {
    for way in ["plan-", "sign-", "finish-"] {
        every(way);
    }
}

#[test]
fn a_batch_of_an_external_ca_is_finished_in_every_state() {
    every("foreign-");
}

#[test]
fn a_batch_by_cmp_is_finished_in_every_state() {
    every("cmp-");
}
