//! Visits every state of the model, and every state of models with one rule left out.

use reroot_cluster_model::{Action, Bounds, Planted, State};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// 3 workers, 2 chunks, 2 attempts.
const FULL: Bounds = Bounds { workers: 3, chunks: 2, attempts: 2, claims: 2, planted: None };

const UNIQUE: &str = "no leaf has two certificates of one attempt";
const RECORDED: &str = "nothing is released that is not recorded";
const FINISHED: &str = "a finished batch stays finished";
const INVARIANTS: [&str; 3] = [UNIQUE, RECORDED, FINISHED];
const ENDS: &str = "a batch is finished";
const LATE: &str = "a late result is kept";

struct Checked(Bounds);

impl Model for Checked {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.0.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(self.0.actions(state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.0.after(state, action)).filter(|after| after != state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(UNIQUE, |_, state: &State| state.is_unique()),
            Property::always(RECORDED, |_, state: &State| state.is_recorded()),
            Property::always(FINISHED, |_, state: &State| state.stays_finished()),
            Property::sometimes(ENDS, |_, state: &State| state.is_finished()),
            Property::sometimes(LATE, |_, state: &State| state.kept_a_late_result()),
        ]
    }
}

/// The invariants that do not hold.
fn broken(bounds: Bounds) -> Vec<&'static str> {
    let checker = Checked(bounds).checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    INVARIANTS.into_iter().filter(|name| checker.discovery(name).is_some()).collect()
}

#[test]
fn no_fault_of_workers_or_connections_breaks_an_invariant() {
    let checker = Checked(FULL).checker().spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.is_done());
    // fewer would mean that something cannot happen any more
    assert!(checker.unique_state_count() > 500_000, "{} states", checker.unique_state_count());
}

#[test]
fn leases_only_save_work() {
    assert_eq!(broken(Bounds { planted: Some(Planted::NoTokens), ..FULL }), [""; 0]);
}

#[test]
fn a_rule_that_is_left_out_is_missed() {
    let without = |planted| broken(Bounds { planted: Some(planted), ..FULL });
    assert_eq!(without(Planted::IssuedWithoutSeen), [UNIQUE]);
    assert_eq!(without(Planted::RetryWithoutSeen), [UNIQUE]);
    assert_eq!(without(Planted::LostIsDone), [RECORDED]);
    assert_eq!(without(Planted::ReleasedWhenSigned), [RECORDED]);
    assert_eq!(without(Planted::SealedTooSoon), [FINISHED]);
}
