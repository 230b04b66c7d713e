"""The waiting queue on a real Valkey, and the scheduler that tends it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from stack.service.lever_board import HeldLever, LeverBoard
from stack.service.levers import Change, Lever, Release
from stack.service.pool import PoolReading
from stack.service.presence import Presence
from stack.service.queue import Queue, QueueDesk, Standing
from stack.service.queue_loop import QueueLoop
from stack.service.queue_rules import Crowd
from stack.service.redis_outage import RedisOutage, outage_text
from stack.service.script_batch import ScriptBatch
from tests.stack.service_rig import HOST, Valkey

T = TypeVar("T")

IDLE = PoolReading(total=10, active=0, idle=10, waiting=0, maximum=10)
BUSY = PoolReading(total=10, active=10, idle=0, waiting=12, maximum=10)


class House:
    """The queue, its levers and its scheduler with a clock made by hand."""

    def __init__(self, valkey: Valkey) -> None:
        self.now = 1_000_000.0
        self.valkey = valkey
        self.client: Redis = valkey.client()
        self.queue = Queue(self.client)
        self.presence = Presence()
        self.pool = IDLE
        self.board = LeverBoard(
            active_users=HeldLever("active-users", Lever(1000, 1000, 1)),
            admission=HeldLever("admission", Lever(100, 100, 1)),
            pool_size=HeldLever("hikaricp", Lever(10, 10, 1)),
            breaker=HeldLever("breaker", Lever("METRICS_ONLY", "METRICS_ONLY", 1)),
        )
        self.outage = RedisOutage(lambda: self.now)
        self.loop = QueueLoop(
            queue=self.queue,
            board=self.board,
            pool_reading=lambda: self.pool,
            presence=self.presence,
            outage=self.outage,
            silence=10.0,
            clock=lambda: self.now,
        )

    def desk(self, act: Callable[[QueueDesk], Awaitable[T]], limit: int = 1000) -> T:
        async def run() -> T:
            async with AsyncRedis(host=HOST, port=self.valkey.port) as client:
                return await act(QueueDesk(ScriptBatch(client), limit))

        return asyncio.run(run())

    def issue(self, *tokens: str) -> list[int | None]:
        async def all_of(desk: QueueDesk) -> list[int | None]:
            return [await desk.issue(token, user, self.now) for user, token in enumerate(tokens, start=1)]

        return self.desk(all_of)

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.loop.tick(self.now)

    def cap(self, value: int, lease: float = 60.0) -> None:
        lever = self.board.active_users
        version = lever.reading().version
        lever.change(Change(value, lease, "showcall", if_version=version), self.now)

    def numbers(self, *tokens: str) -> list[int]:
        """What each of them is told when they ask, in this order."""
        return [self.queue.ask(token, self.now).number for token in tokens]

    def enter(self, *tokens: str) -> None:
        """Everybody is called and asks."""
        self.tick()
        assert self.numbers(*tokens) == [0] * len(tokens)

    def keep_alive(self, *tokens: str, seconds: int) -> None:
        for _ in range(seconds):
            self.numbers(*tokens)
            self.tick(1.0)


@pytest.fixture
def house(valkey: Valkey) -> Iterator[House]:
    made = House(valkey)
    yield made
    made.client.close()


ABCDE = ("a", "b", "c", "d", "e")


def test_tokens_stand_in_the_order_of_issuing(house: House) -> None:
    assert house.issue(*ABCDE) == [1, 2, 3, 4, 5]
    assert house.numbers(*ABCDE) == [1, 2, 3, 4, 5]
    assert house.queue.look("a", house.now).user_id == 1


def test_an_unknown_token_has_no_place(house: House) -> None:
    assert house.queue.look("nobody", house.now).standing is Standing.UNKNOWN
    assert house.client.keys() == []


def test_a_full_line_takes_nobody(house: House) -> None:
    house.issue("a", "b")
    assert house.desk(lambda desk: desk.issue("c", 3, house.now), limit=2) is None
    assert house.queue.look("c", house.now).standing is Standing.UNKNOWN


def test_a_crowd_asking_at_once_gets_each_its_own_answer(house: House) -> None:
    async def crowd(desk: QueueDesk) -> list[Any]:
        tokens = [f"t{number}" for number in range(700)]
        await asyncio.gather(*(desk.issue(token, 1, house.now) for token in tokens))
        return await asyncio.gather(*(desk.ask(token, house.now) for token in tokens))

    assert [place.number for place in house.desk(crowd)] == list(range(1, 701))


def test_users_enter_in_order_up_to_the_cap(house: House) -> None:
    house.issue(*ABCDE)
    house.cap(2)
    house.tick()
    assert house.numbers(*ABCDE) == [0, 0, 1, 2, 3]
    house.tick()
    assert house.loop.crowd == Crowd(waiting=3, active=2, oldest_since=house.now, taken=2)
    assert house.loop.meters.admitted.value == 2


def test_leaving_frees_the_slot_for_the_next_within_a_second(house: House) -> None:
    house.issue(*ABCDE)
    house.cap(2)
    house.enter("a", "b")
    house.tick(0.25)
    assert house.queue.leave("a")
    assert not house.queue.leave("a")
    house.tick(1.0)
    assert house.numbers("b", "c", "d", "e") == [0, 0, 1, 2]


def test_a_waiting_user_may_leave_too(house: House) -> None:
    house.issue(*ABCDE)
    assert house.desk(lambda desk: desk.leave("b"))
    assert house.numbers("a", "c") == [1, 2]


def test_the_excess_goes_back_to_the_head_of_the_line_in_its_order(house: House) -> None:
    house.issue(*ABCDE)
    house.enter(*ABCDE)
    house.issue("late-1", "late-2")
    house.cap(2)
    house.loop.wake(put_back=True)
    house.tick(0.25)
    assert house.numbers(*ABCDE) == [0, 0, 1, 2, 3]
    assert house.numbers("late-1", "late-2") == [4, 5]
    assert house.loop.meters.put_back.value == 3


def test_those_put_back_are_the_first_to_enter_again(house: House) -> None:
    house.issue(*ABCDE)
    house.enter(*ABCDE)
    house.issue("late")
    house.cap(1)
    house.loop.wake(put_back=True)
    house.tick(0.25)
    house.queue.leave("a")
    house.keep_alive("b", "c", "d", "e", "late", seconds=2)
    assert house.numbers("b", "c", "d", "e", "late") == [0, 1, 2, 3, 4]


def test_without_the_order_a_lower_cap_puts_nobody_back(house: House) -> None:
    house.issue(*ABCDE)
    house.enter(*ABCDE)
    house.cap(2)
    house.tick(0.25)
    assert house.numbers(*ABCDE) == [0, 0, 0, 0, 0]


def test_a_waiting_token_nobody_asks_about_is_dropped_and_counted(house: House) -> None:
    house.issue("ghost", "asks")
    house.cap(0)
    house.keep_alive("asks", seconds=11)
    assert house.queue.look("ghost", house.now).standing is Standing.UNKNOWN
    assert house.numbers("asks") == [1]
    assert house.loop.meters.abandoned.value == 1
    assert house.loop.meters.silent.value == 0


def test_a_slot_ends_after_ten_seconds_of_silence(house: House) -> None:
    house.issue("silent", "talks")
    house.enter("silent", "talks")
    house.keep_alive("talks", seconds=11)
    assert house.queue.look("silent", house.now).standing is Standing.UNKNOWN
    assert house.numbers("talks") == [0]
    assert house.loop.meters.silent.value == 1


def test_a_request_that_is_still_being_served_is_a_sign_of_life(house: House) -> None:
    house.issue("hangs")
    house.enter("hangs")
    with house.presence.of("hangs"):
        for _ in range(40):
            house.tick(1.0)
        assert house.numbers("hangs") == [0]
    for _ in range(11):
        house.tick(1.0)
    assert house.queue.look("hangs", house.now).standing is Standing.UNKNOWN


def test_any_finished_request_is_a_sign_of_life_too(house: House) -> None:
    house.issue("reads the list")
    house.enter("reads the list")
    for _ in range(30):
        with house.presence.of("reads the list"):
            pass
        house.tick(1.0)
    assert house.numbers("reads the list") == [0]


def test_a_request_with_an_unknown_token_leaves_nothing_behind(house: House) -> None:
    with house.presence.of("made up"):
        house.tick(1.0)
    house.tick(1.0)
    assert house.client.keys() == [b"queue:door"]
    assert house.presence.heard() == ()


def test_a_dropped_token_leaves_nothing_behind(house: House) -> None:
    house.issue("a", "b")
    house.tick()
    for _ in range(12):
        house.tick(1.0)
    assert sorted(house.client.keys()) == [b"queue:door", b"queue:ticket"]


def test_the_oldest_wait_is_that_of_the_head_of_the_line(house: House) -> None:
    house.cap(0)
    house.issue("first")
    house.tick(3.0)
    house.issue("second")
    house.tick(1.0)
    assert house.loop.crowd is not None
    assert house.loop.crowd.oldest_since == house.now - 4.0


def test_a_released_cap_ramps_back_and_lets_the_line_in(house: House) -> None:
    tokens = [f"t{number}" for number in range(40)]
    house.issue(*tokens)
    house.cap(4)
    house.enter(*tokens[:4])
    version = house.board.active_users.reading().version
    house.board.active_users.release(Release("showcall", version), house.now)
    active = []
    for _ in range(44):
        house.numbers(*tokens)
        house.tick(0.25)
        assert house.loop.crowd is not None
        active.append(house.loop.crowd.active)
    assert sorted(set(active)) == [4, 8, 16, 32, 40]
    assert house.board.active_users.number == 64


def test_the_ramp_pauses_while_the_pool_has_a_line(house: House) -> None:
    house.cap(4)
    version = house.board.active_users.reading().version
    house.board.active_users.release(Release("showcall", version), house.now)
    house.pool = BUSY
    for _ in range(40):
        house.tick(0.25)
    assert house.board.active_users.reading().value == 4
    assert house.board.active_users.reading().ramping
    house.pool = IDLE
    house.tick(0.25)
    assert house.board.active_users.number == 8


def test_the_ramp_pauses_while_the_cap_binds_with_the_pool_full(house: House) -> None:
    house.issue(*ABCDE)
    house.cap(2)
    house.enter("a", "b")
    house.tick()
    version = house.board.active_users.reading().version
    house.board.active_users.release(Release("showcall", version), house.now)
    house.pool = PoolReading(total=10, active=10, idle=0, waiting=0, maximum=10)
    house.tick(0.25)
    assert house.board.active_users.number == 2
    house.pool = IDLE
    house.tick(0.25)
    assert house.board.active_users.number == 4


def test_the_ramp_pauses_while_nobody_knows_the_queue(house: House) -> None:
    house.cap(4)
    house.tick()
    version = house.board.active_users.reading().version
    house.board.active_users.release(Release("showcall", version), house.now)
    house.outage.failed(RedisConnectionError("Connection refused"))
    assert house.loop.crowd is None
    house.tick(0.25)
    assert house.board.active_users.number == 4
    house.tick(0.25)
    assert house.board.active_users.number == 8


def test_a_valkey_out_of_memory_refuses_newcomers_and_is_not_called_away(house: House) -> None:
    house.issue("a")
    house.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(OutOfMemoryError) as refused:
            house.issue("b")
        assert outage_text(refused.value).startswith("Redis command failed (OOM command not allowed")
        house.outage.failed(refused.value)
        house.tick(1.0)
        assert house.outage.error is None
        assert house.loop.crowd is not None
    finally:
        house.client.config_set("maxmemory", "0")


def test_an_expired_lease_ramps_back_without_anybody_asking(house: House) -> None:
    house.cap(8, lease=60.0)
    for _ in range(85):
        house.tick(1.0)
    reading = house.board.active_users.reading()
    assert (reading.value, reading.lease, reading.ramping) == (1000, None, False)


def test_a_place_is_taken_by_asking_and_only_by_who_was_called(house: House) -> None:
    house.issue(*ABCDE)
    house.cap(2)
    house.tick()
    assert house.numbers("c", "b", "a") == [3, 0, 0]


def test_a_date_request_of_a_called_user_takes_no_place(house: House) -> None:
    house.issue("a")
    house.tick()
    assert house.queue.look("a", house.now).standing is Standing.WAITING


def test_users_who_have_gone_without_a_word_take_no_places(house: House) -> None:
    ghosts = [f"ghost-{number}" for number in range(30)]
    house.cap(2)
    house.enter()
    house.issue(*ghosts)
    house.tick(4.5)
    alive = ("alive-1", "alive-2", "alive-3")
    house.issue(*alive)
    house.keep_alive(*alive, seconds=4)
    assert house.numbers(*alive) == [31, 32, 33]
    house.keep_alive(*alive, seconds=2)
    assert house.numbers(*alive)[:2] == [0, 0]
    assert house.queue.look("alive-3", house.now).standing is Standing.WAITING


def test_places_nobody_took_are_not_added_to_the_next_ones(house: House) -> None:
    house.issue(*ABCDE)
    house.cap(2)
    for _ in range(4):
        house.tick(1.0)
    assert house.loop.crowd is not None
    assert house.loop.crowd.places == 2


def test_a_lowered_cap_closes_open_places_at_once(house: House) -> None:
    house.issue(*ABCDE)
    house.tick()
    house.cap(1)
    house.tick(0.25)
    assert house.numbers(*ABCDE) == [0, 1, 2, 3, 4]
