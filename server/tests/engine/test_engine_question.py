"""A question to the engine: both ways of waiting give its answer, its error, or say that none came in time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from maestrale.engine import Question
from maestrale.errors import DatabaseUnavailableError, NotFoundError


def by_thread(question):
    return question.wait()


def by_loop(question):
    async def ask():
        return await question

    return asyncio.run(ask())


@pytest.fixture(params=[by_thread, by_loop])
def answer(request):
    return request.param


def test_an_answer_that_is_there_already(answer):
    future = Future()
    future.set_result("created")

    assert answer(Question(future, 60)) == "created"


def test_an_answer_that_comes_from_another_thread(answer):
    future = Future()
    threading.Timer(0.01, future.set_result, ["created"]).start()

    assert answer(Question(future, 60)) == "created"


def test_an_error_is_raised_where_it_is_waited_for(answer):
    future = Future()
    threading.Timer(0.01, future.set_exception, [NotFoundError("gone")]).start()

    with pytest.raises(NotFoundError, match="gone"):
        answer(Question(future, 60))


def test_no_answer_in_time_leaves_the_question_open_for_its_decision(answer):
    future = Future()

    with pytest.raises(DatabaseUnavailableError, match="No decision was made in time"):
        answer(Question(future, 0.01))

    assert not future.cancelled()
    future.set_result("created")  # as the deciding thread does, whoever is still there


def test_many_answers_wake_the_loop_once():
    woken = []

    async def ask():
        loop = asyncio.get_running_loop()
        real = loop.call_soon_threadsafe

        def counted(call, *arguments):
            if getattr(call, "__name__", "") == "_answer":
                woken.append(call)
            return real(call, *arguments)

        loop.call_soon_threadsafe = counted
        futures = [Future() for _ in range(50)]
        asked = [asyncio.create_task(as_coroutine(Question(future, 60))) for future in futures]
        await asyncio.sleep(0)
        for number, future in enumerate(futures):
            future.set_result(number)
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == list(range(50))
    assert len(woken) == 1


def test_answers_from_several_threads_all_arrive():
    async def ask():
        futures = [Future() for _ in range(400)]
        asked = [asyncio.create_task(as_coroutine(Question(future, 60))) for future in futures]
        await asyncio.sleep(0)
        threads = [threading.Thread(target=lambda part: [one.set_result(1) for one in part], args=(futures[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        return sum(await asyncio.gather(*asked))

    assert asyncio.run(ask()) == 400


async def as_coroutine(question):
    return await question
