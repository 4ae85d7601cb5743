"""What is done once an answer was sent."""

from flask import Flask

from pod_jobs.web.services import after_answer, services, without_database


def test_what_follows_an_answer_may_give_its_database_connection_back(app: Flask) -> None:
    seen: list[bool] = []

    def do() -> None:
        database = services().database
        seen.append(database.is_closed())
        with without_database():
            seen.append(database.is_closed())

    with app.test_request_context("/"):
        after_answer(do)
        answer = app.process_response(app.response_class())
    answer.close()
    assert seen == [False, True]
    with app.app_context():
        assert services().database.is_closed()
