"""What is weak in a Pod 4.1 with Celery, and the tests which show that it is not so here. D1 to D32 are numbers that docstrings
of tests name too. A weakness that lies inside of Pod has a sentence in place of tests.
"""

import ast
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
COUNT = 32
BEGIN = re.compile(r"D[0-9]+(, D[0-9]+)*")
A_TEST = re.compile(r"`((?:unit|integration|acceptance)/[\w/]+)\.(test_\w+)`")

# number -> tests: file below tests/ without its ending, and name
OURS: dict[int, tuple[str, ...]] = {
    # a long job is delivered again while it runs
    1: (
        "integration/bridge/test_intake.test_a_message_that_comes_again_makes_no_second_task",
        "integration/bridge/test_processes.test_two_bridges_and_the_broker_are_killed_and_each_order_is_one_task",
    ),
    # a busy worker reserves jobs that an idle one could do, and both do them in the end
    2: (
        "integration/celery/test_broker.test_two_bridges_at_once_take_each_message_once",
        "integration/janitor/test_relay.test_rq_gets_one_job_for_each_idle_worker_and_one_more",
        "integration/bridge/test_intake.test_a_message_that_comes_again_makes_no_second_task",
        "integration/bridge/test_processes.test_two_bridges_and_the_broker_are_killed_and_each_order_is_one_task",
        "integration/celery/test_broker.test_what_celerys_own_workers_had_reserved_is_taken_over",
    ),
    # what waits is in no list, and has no place in a line
    3: (
        "integration/celery/test_broker.test_what_celerys_own_workers_had_reserved_is_taken_over",
        "acceptance/test_celery_pod.test_what_cannot_be_carried_out_is_on_the_errors_page",
        "integration/catalog/test_waiting_line.test_what_the_index_finds_is_the_order_among_all",
    ),
    # a worker that is killed loses its job
    4: (
        "integration/bridge/test_intake.test_a_bridge_that_dies_after_its_commit_loses_and_doubles_nothing",
        "integration/web/api/test_runner.test_a_lost_worker_owes_one_too",
        "integration/bridge/test_processes.test_two_bridges_and_the_broker_are_killed_and_each_order_is_one_task",
    ),
    # what the documents tell to install does not fit together any more
    5: (
        "unit/test_locks.test_each_package_is_pinned_by_version_and_sum",
        "unit/test_locks.test_what_is_installed_fits_together",
    ),
    # no time limit, no cancel, no priority, no retry
    6: (
        "integration/media/test_encode_course.test_a_stall_ends_it",
        "integration/jobs/test_runtime.test_a_job_over_its_time_ends_as_an_error_and_not_as_success",
        "integration/jobs/test_runtime.test_a_cancel_stops_the_run",
        "integration/jobs/test_runtime.test_an_outage_is_waited_out_however_often_it_was_met",
        "integration/web/api/test_runner.test_a_site_waits_in_turn_with_others_and_by_its_priority",
    ),
    # an order is lost when the web app or the key-value server dies before it is queued
    7: (
        "integration/web/api/test_runner.test_while_redis_is_away_an_order_is_accepted_and_handed_over_when_it_is_back",
        "integration/bridge/test_intake.test_while_redis_is_away_messages_become_tasks_that_wait",
        "integration/bridge/test_intake.test_while_the_database_is_away_messages_stay_in_order",
    ),
    # a callback that fails is only logged, and a Pod that hangs holds up the worker
    8: (
        "integration/janitor/test_callbacks.test_a_refusal_is_tried_again_ever_later",
        "integration/janitor/test_callbacks.test_a_pod_that_hangs_keeps_no_other_pod_waiting",
        "integration/janitor/test_celery_results.test_only_200_settles_it",
        "acceptance/test_pod.test_a_pod_in_a_bad_mood_gets_its_result_and_once",
    ),
    # a failure is told as a success
    9: (
        "integration/janitor/test_celery_results.test_each_end_is_told_and_a_failure_is_one",
        "integration/janitor/test_callbacks.test_pod_learns_of_every_end",
        "acceptance/test_celery_pod.test_a_failure_is_reported_as_one",
    ),
    # a file that cannot be read gets no callback
    10: (
        "acceptance/test_celery_pod.test_a_failure_is_reported_as_one",
        "acceptance/test_pod.test_what_cannot_be_encoded_ends_with_a_sentence",
    ),
    # after a wrong path the video stays "in progress", and cannot be ordered again
    11: (
        "integration/bridge/test_intake.test_what_is_wrong_with_an_order_that_names_its_video_is_told_to_pod",
        "integration/janitor/test_celery_results"
        ".test_a_failure_of_a_recording_that_is_not_in_pods_media_folder_is_told",
        "acceptance/test_celery_pod.test_a_failure_is_reported_as_one",
        "integration/bridge/test_intake.test_a_newer_order_of_the_same_video_replaces_an_older_one",
    ),
    # a callback has no number of its order: a stale one is imported over a newer one
    13: (
        "integration/janitor/test_celery_results.test_a_stale_end_is_not_told_over_a_newer_order",
        "integration/janitor/test_celery_results"
        ".test_an_end_that_a_newer_order_replaces_while_its_files_are_copied_is_not_told",
        "integration/janitor/test_celery_results.test_what_pod_took_without_an_answer_is_not_given_to_it_again",
        "integration/janitor/test_callbacks.test_many_ends_are_each_told_once_by_a_pod_in_a_bad_mood",
        "integration/bridge/test_intake.test_a_newer_order_of_the_same_video_replaces_an_older_one",
    ),
    # paths are trusted, and the token of one encoder opens everything
    14: (
        "integration/janitor/test_celery_results.test_nothing_is_written_where_a_link_leads_out",
        "integration/bridge/test_intake.test_what_is_wrong_with_an_order_that_names_its_video_is_told_to_pod",
        "integration/bridge/test_intake.test_the_token_that_pod_gave_us_opens_no_door_of_ours",
        "integration/web/api/test_workers_tokens.test_a_token_runs_tasks_of_its_queues_alone",
    ),
    # the whole project's folder is shared with each encoder
    15: ("acceptance/test_far_worker.test_it_encodes_without_the_media_folder_through_a_line_that_breaks",),
    # encoders ignore the renditions of the settings
    17: ("unit/celery/test_orders.test_the_renditions_are_those_that_the_settings_name",),
    # MP4 and HLS are encoded one after the other
    18: (
        "integration/media/test_celery_files.test_the_names_of_a_recording",
        "integration/media/test_pod_files."
        "test_the_transport_stream_is_one_file_with_all_sounds_and_the_frames_of_the_mp4",
    ),
    # all renditions claim H.264 level 3.0
    19: ("integration/media/test_celery_files.test_the_names_of_a_recording",),
    # a small picture gets an empty master, and is scaled up
    20: (
        "integration/media/test_celery_files.test_a_small_recording_has_a_master_and_is_not_scaled_up",
        "integration/media/test_pod_files.test_a_source_below_the_lowest_rendition_has_a_playlist_too",
    ),
    # a portrait becomes narrow
    21: ("integration/media/test_celery_files.test_renditions_count_lines_on_the_short_side",),
    # a studio session fails with FFmpeg 5 and newer
    22: (
        "integration/jobs/test_pod_jobs.test_a_studio_session_becomes_one_video_and_its_source",
        "acceptance/test_celery_pod.test_a_studio_session_becomes_one_mp4",
    ),
    # a second try stops at the files of the first
    23: ("unit/storage/test_shared_folder.test_a_new_run_clears_what_earlier_ones_left_half_done",),
    # a dressing fails for a silent recording, and shifts a cut
    24: (
        "integration/media/planning/test_scene.test_a_silent_recording_between_credits_with_sound",
        "acceptance/test_celery_pod.test_a_cut_and_a_dressing",
    ),
    # a cover alone is never the thumbnail (the other half, three thumbnails through one row, is inside of Pod)
    25: ("integration/media/test_celery_files.test_sound_alone",),
    # subtitles of one language overwrite each other; no chapters, no progress, a key frame each second
    26: (
        "integration/media/test_celery_files.test_two_subtitles_of_one_language_are_both_kept",
        "integration/media/test_pod_files.test_subtitles_of_the_source_are_kept",
        "integration/media/test_tracks.test_subtitles_chapters_and_sounds",
        "integration/media/test_encode_course.test_one_can_watch_while_it_encodes",
        "integration/media/test_encode.test_key_frames_are_on_one_grid",
    ),
    # renditions without any MP4 are an empty command
    27: ("integration/media/test_celery_files.test_renditions_without_any_mp4",),
    # a quote in a path breaks a command
    28: (
        "unit/celery/test_orders.test_a_quote_in_a_dressing_that_does_not_close_breaks_nothing",
        "acceptance/test_celery_pod.test_a_recording_is_encoded_and_imported",
    ),
    # a word that is too long loses a transcription, and all of the sound is in memory
    29: (
        "unit/captions/test_layout.test_whatever_is_heard_no_word_is_lost_and_no_cue_overlaps_or_overflows",
        "unit/speech/test_pieces.test_every_span_is_in_one_piece_and_none_is_too_long",
        "acceptance/test_celery_pod.test_speech_becomes_the_captions_that_pod_imports",
    ),
    # an error of the speech engine gets no callback; no language is recognised, nothing translated
    30: (
        "acceptance/test_celery_pod.test_a_transcription_that_cannot_be_made_is_told_with_its_reason",
        "integration/janitor/test_celery_results.test_a_transcription_without_the_extra_is_told_with_its_reason",
        "integration/jobs/test_pod_jobs.test_without_the_extra_a_transcription_fails_at_once",
        "unit/jobs/test_pod_parameters.test_languages",
        "acceptance/test_celery_pod.test_speech_becomes_the_captions_that_pod_imports",
        "acceptance/test_pod.test_what_cannot_be_encoded_ends_with_a_sentence",
    ),
    # a learning trace is lost when the record store is away or says 204; no version, no batches, no time limit
    31: (
        "integration/bridge/test_intake.test_a_statement_is_stored_once",
        "integration/traces/test_deliver.test_an_lrs_that_answers_500_to_everything_kills_nothing",
        "integration/xapi/test_delivery.test_an_unusual_success_is_a_success",
        "integration/xapi/test_delivery.test_a_good_batch_takes_one_request",
        "integration/xapi/test_lrs_client.test_a_wrong_version_is_refused_for_every_batch",
        "integration/xapi/test_lrs_client.test_a_slow_lrs_is_given_up",
    ),
}
INSIDE_POD = {
    12: "Pod removes its old files itself before it orders new ones, whoever encodes them",
    16: "Pod's own log handlers send a mail for each line; its workers, which have them too, no longer run",
    32: "a setting of Pod's live transcription has a space in its name; live streams are not ours",
}


@cache
def names_in(file: str) -> frozenset[str]:
    """The tests of a file below tests/."""
    path = TESTS / f"{file}.py"
    return frozenset(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)) if path.is_file() else frozenset()


def missing(tests: Collection[str]) -> list[str]:
    """Those of the tests, each a file and a name, that do not exist."""
    return [one for one in tests if one.rpartition(".")[2] not in names_in(one.rpartition(".")[0])]


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_each_weakness_has_a_test_or_lies_inside_of_pod(number: int) -> None:
    tests = OURS.get(number, ())
    assert bool(tests) != bool(INSIDE_POD.get(number)), f"D{number} needs a test, or a sentence why not"
    assert missing(tests) == []


def numbers_named() -> dict[str, set[int]]:
    """Test -> the numbers with which its docstring begins."""
    found = {}
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text()
        for node in ast.parse(text).body if re.search('"""D[0-9]', text) else ():
            if isinstance(node, ast.FunctionDef) and (begin := BEGIN.match(ast.get_docstring(node) or "")):
                name = f"{path.relative_to(TESTS).with_suffix('')}.{node.name}"
                found[name] = set(map(int, re.findall("[0-9]+", begin[0])))
    return found


def test_tests_that_name_a_weakness_are_in_its_list() -> None:
    found = numbers_named()
    assert len(found) > 20
    assert {
        (number, test) for test, own in found.items() for number in own if test not in OURS.get(number, ())
    } == set()


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("pod*.md")))
def test_tests_that_the_documents_name_exist(page: str) -> None:
    named = A_TEST.findall((DOCS / page).read_text())
    assert missing([f"{file}.{name}" for file, name in named]) == []
    assert named or page != "pod.md"
