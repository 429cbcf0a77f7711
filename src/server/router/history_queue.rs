//! The queue of the history threads: fair to users. Users take turns, each with one job under way, so that one who has
//! many connections delays another by one job. A job goes with the connection that it is for.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Condvar, Mutex};

use crate::state_machine::{AccountNumber, ConnectionId};

/// A job, with the connection that waits for the result and its user.
pub(crate) struct Task<Job> {
    pub user: AccountNumber,
    pub connection: ConnectionId,
    pub job: Job,
}

pub(crate) struct HistoryQueue<Job> {
    state: Mutex<State<Job>>,
    changed: Condvar,
}

struct State<Job> {
    /// The users who have tasks here. Each connection has at most one: unbounded, but bounded by the number of connections.
    users: HashMap<AccountNumber, UserTasks<Job>>,
    /// Those who have tasks that wait, and none under way, in the order of their turns.
    turns: VecDeque<AccountNumber>,
    closed: bool,
}

struct UserTasks<Job> {
    waiting: VecDeque<Task<Job>>,
    is_under_way: bool,
}

impl<Job> Default for HistoryQueue<Job> {
    fn default() -> Self {
        let state = State { users: HashMap::new(), turns: VecDeque::new(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<Job> HistoryQueue<Job> {
    pub fn submit(&self, task: Task<Job>) {
        let mut state = self.state.lock();
        let user = task.user;
        let tasks = state.users.entry(user).or_insert_with(UserTasks::new);
        tasks.waiting.push_back(task);
        if tasks.waiting.len() == 1 && !tasks.is_under_way {
            state.turns.push_back(user);
            self.changed.notify_one();
        }
    }

    /// Waits for the next task; `None`: the queue is closed. [`HistoryQueue::finish`] has to follow.
    pub fn next(&self) -> Option<Task<Job>> {
        let mut state = self.state.lock();
        while !state.closed {
            match state.take_turn() {
                Some(task) => return Some(task),
                None => self.changed.wait(&mut state),
            }
        }
        None
    }

    /// Ends a user's task; the next one waits for its turn.
    pub fn finish(&self, user: AccountNumber) {
        let mut state = self.state.lock();
        if let Some(tasks) = state.users.get_mut(&user) {
            tasks.is_under_way = false;
            if !tasks.waiting.is_empty() {
                state.turns.push_back(user);
                self.changed.notify_one();
            }
        }
        state.forget_if_idle(user);
    }

    /// Removes the task of a connection that is closed, unless it is under way.
    pub fn cancel(&self, user: AccountNumber, connection: ConnectionId) {
        let mut state = self.state.lock();
        if let Some(tasks) = state.users.get_mut(&user) {
            tasks.waiting.retain(|task| task.connection != connection);
            if tasks.waiting.is_empty() {
                state.turns.retain(|other| *other != user);
            }
        }
        state.forget_if_idle(user);
    }

    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}

impl<Job> UserTasks<Job> {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), is_under_way: false }
    }
}

impl<Job> State<Job> {
    fn take_turn(&mut self) -> Option<Task<Job>> {
        let user = self.turns.pop_front()?;
        let tasks = self.users.get_mut(&user)?;
        tasks.is_under_way = true;
        tasks.waiting.pop_front()
    }

    fn forget_if_idle(&mut self, user: AccountNumber) {
        if self.users.get(&user).is_some_and(|tasks| tasks.waiting.is_empty() && !tasks.is_under_way) {
            self.users.remove(&user);
        }
    }
}
