// The pool-exhaustion story for k6: few users, then as many as the database can bear five queries of, then few
// again. Users draw a token, ask for their place every 3 s until it is their turn, ask for the dates of a concert
// five times, and leave. Who waits longer than 30 s gives up.
//
//     BASE_URL=http://127.0.0.1:18080 k6 run stack/k6/pool_exhaustion.js
//
// The surge's rate (users a second) is SURGE_RATE; 5 exhausts the pool with the published settings.
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const BASE = __ENV.BASE_URL || 'http://127.0.0.1:18080';
const CONCERT = __ENV.CONCERT_ID || '451';
const SURGE = Number(__ENV.SURGE_RATE || '5');
const MEMBERS = 30000;
const QUERIES = 5;
const THINK_SECONDS = 1;
const ASK_EVERY_SECONDS = 3;
const PATIENCE_SECONDS = 30;

const served = new Counter('users_served');
const gaveUp = new Counter('users_gave_up');
const failed = new Counter('users_failed');
const waited = new Trend('waiting_time', true);

// 403 is an answer: it is not your turn. 404 too: you were away too long.
http.setResponseCallback(http.expectedStatuses(200, 204, 403, 404));

export const options = {
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(95)', 'max'],
  scenarios: {
    on_sale: {
      executor: 'ramping-arrival-rate',
      // Rates are users in ten seconds, so that less than one a second can be said.
      timeUnit: '10s',
      startRate: 3,
      preAllocatedVUs: 100,
      maxVUs: 1500,
      gracefulStop: '30s',
      stages: [
        { target: 3, duration: '20s' },
        { target: SURGE * 10, duration: '0s' },
        { target: SURGE * 10, duration: '80s' },
        { target: 2, duration: '0s' },
        { target: 2, duration: '120s' },
      ],
    },
  },
  thresholds: {
    'http_req_duration{name:date}': ['p(95)<2500'],
    users_failed: ['count==0'],
  },
};

export default function () {
  const token = issue();
  if (token === null) {
    failed.add(1);
    return;
  }
  const outcome = journey(token);
  if (outcome === 'gave_up') {
    // They close the page: the service finds out by their silence.
    gaveUp.add(1);
    return;
  }
  http.del(`${BASE}/api/v1/user/queue/token`, null, named('leave', token));
  (outcome === 'served' ? served : failed).add(1);
}

function issue() {
  const member = 1 + Math.floor(Math.random() * MEMBERS);
  const answer = http.post(`${BASE}/api/v1/user/${member}/queue/token/issue`, null, named('issue'));
  return check(answer, { 'a token is issued': (got) => got.status === 200 }) ? answer.json('waitingToken') : null;
}

function journey(token) {
  let outcome = wait(token);
  let answers = 0;
  while (outcome === 'admitted') {
    const answer = http.get(`${BASE}/api/v1/concert/${CONCERT}/date`, named('date', token, '60s'));
    if (answer.status === 403) {
      // Put back into the queue, or the turn is not theirs yet.
      sleep(ASK_EVERY_SECONDS);
      outcome = wait(token);
      continue;
    }
    if (!check(answer, { 'dates are listed': listsDates })) {
      return 'failed';
    }
    answers += 1;
    if (answers === QUERIES) {
      return 'served';
    }
    sleep(THINK_SECONDS);
  }
  return outcome;
}

function listsDates(answer) {
  return answer.status === 200 && (answer.json('dates') || []).length > 0;
}

function wait(token) {
  const began = Date.now();
  for (;;) {
    const answer = http.get(`${BASE}/api/v1/user/queue/token/query`, named('wait', token));
    if (answer.status !== 200) {
      return 'failed';
    }
    if (answer.json('waitingNumber') === 0) {
      waited.add(Date.now() - began);
      return 'admitted';
    }
    if (Date.now() - began > (PATIENCE_SECONDS - ASK_EVERY_SECONDS) * 1000) {
      return 'gave_up';
    }
    sleep(ASK_EVERY_SECONDS);
  }
}

function named(name, token, timeout = '10s') {
  return { headers: token ? { waitingToken: token } : {}, tags: { name }, timeout };
}
