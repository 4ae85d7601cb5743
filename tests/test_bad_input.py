"""What other programs and hosts may send wrong, and the tests which show what becomes of it."""

import pytest

from tests.test_weaknesses import missing

RUNNER, INTAKE = "integration/web/api/test_runner", "integration/bridge/test_intake"
FETCHING, PARAMETERS = "unit/outside/test_fetching", "unit/jobs/test_pod_parameters"
TOKENS, OVER_HTTP = "integration/web/api/test_workers_tokens", "integration/storage/test_over_http"

OF_A_POD = {
    "the token, or a task, of another site": (
        f"{RUNNER}.test_a_site_sees_only_its_own_tasks",
        f"{RUNNER}.test_a_person_is_no_site",
        f"{RUNNER}.test_health_tells_whether_the_token_is_right",
    ),
    "a callback's address with a user, or in a private network": (
        f"{RUNNER}.test_a_callback_that_must_not_be_called_is_refused",
        "integration/janitor/test_callbacks.test_an_address_that_the_settings_no_longer_allow_is_not_called",
    ),
    "a callback's name that leads to two addresses": (
        f"{RUNNER}.test_a_callback_whose_name_leads_to_two_addresses",
        "unit/outside/test_addresses.test_a_name_with_one_good_and_one_bad_address_is_refused",
    ),
    "a source that redirects to the metadata of a cloud": (
        f"{FETCHING}.test_a_redirect_into_a_private_network_is_refused",
        "unit/outside/test_addresses.test_metadata_of_a_cloud_is_never_read",
    ),
    "a source that sends more than it announced, or never ends": (
        f"{FETCHING}.test_a_file_that_sends_more_than_it_announced_ends_there",
        f"{FETCHING}.test_a_file_without_an_end_is_stopped_by_the_bytes_that_arrived",
        f"{FETCHING}.test_a_server_that_says_nothing_is_given_up",
    ),
    "renditions with unknown keys, of 4320 lines, with the key hls": (
        f"{PARAMETERS}.test_keys_that_are_no_heights_are_ignored",
        f"{PARAMETERS}.test_what_cannot_be_meant_is_said",
        "acceptance/test_pod.test_what_cannot_be_encoded_ends_with_a_sentence",
    ),
    "a cut behind the end, a dressing whose credits are not there": (
        "acceptance/test_pod.test_what_cannot_be_encoded_ends_with_a_sentence",
    ),
    "XML with entities, a mediapackage that names local paths": (
        "unit/jobs/test_mediapackage.test_documents_that_are_refused",
        "integration/jobs/test_pod_jobs.test_a_mediapackage_with_entities_is_refused",
    ),
    "a message that is no JSON, of an unknown task, with a path outside of the media folder": (
        f"{INTAKE}.test_what_cannot_be_carried_out_is_kept_aside_and_is_a_failed_task",
        f"{INTAKE}.test_what_is_wrong_with_an_order_that_names_its_video_is_told_to_pod",
        f"{INTAKE}.test_a_message_with_an_odd_name_is_refused_and_holds_up_no_other",
        "acceptance/test_celery_pod.test_what_cannot_be_carried_out_is_on_the_errors_page",
    ),
    "a message that is too large": (
        f"{INTAKE}.test_a_message_that_is_too_large_stays_on_the_broker_and_holds_up_no_other",
        "integration/celery/test_broker.test_a_reserved_message_that_is_too_large_stays_where_it_is",
    ),
    "a broker that answers nonsense, or nothing": (
        "integration/bridge/test_hostile_broker.test_odd_answers_cost_a_pause",
        "integration/bridge/test_hostile_broker.test_a_broker_that_answers_a_byte_now_and_then_holds_up_no_other",
    ),
}

OF_A_HOST = {
    "a token that is wrong, revoked, or of another queue": (
        f"{TOKENS}.test_without_a_valid_token_nothing_is_given",
        f"{TOKENS}.test_a_token_runs_tasks_of_its_queues_alone",
        f"{TOKENS}.test_what_a_revoked_worker_wrote_is_not_taken",
        "integration/janitor/test_revoked.test_its_run_is_over_and_another_one_is_ordered",
        "acceptance/test_hosts.test_a_cut_link_a_revoked_token_and_learning_traces",
    ),
    "a clock that is an hour off": (
        "integration/instance/test_doctor.test_a_clock_that_is_wrong",
        "integration/jobs/test_gate.test_an_unfit_worker_takes_no_job_until_it_is_fit_again",
    ),
    "an old worker and a new catalog, and the other way round": (
        f"{TOKENS}.test_a_worker_of_another_version_gets_no_task",
        "integration/web/api/test_joining.test_a_host_of_another_version_is_told_and_may_use_the_line_later",
    ),
    "half of a result": ("integration/storage/test_bad_ways.test_what_a_killed_worker_had_sent_is_not_published",),
    "a sum that differs": (
        f"{OVER_HTTP}.test_bytes_that_changed_after_they_were_sent_are_sent_again",
        f"{OVER_HTTP}.test_what_happens_while_sums_are_read_is_seen",
    ),
    "a name with .., a file that nobody announced": (
        f"{OVER_HTTP}.test_what_a_worker_may_not_send_is_refused",
        f"{OVER_HTTP}.test_only_sources_that_the_order_names_are_served",
        f"{OVER_HTTP}.test_bytes_that_changed_after_they_were_sent_are_sent_again",
        f"{OVER_HTTP}.test_a_web_host_gets_no_file_that_was_not_announced",
    ),
    "a source that was cut short": (
        f"{OVER_HTTP}.test_a_download_that_broke_off_goes_on_where_it_stopped",
        f"{OVER_HTTP}.test_a_download_of_another_file_is_thrown_away",
        f"{FETCHING}.test_a_broken_connection_is_taken_up_where_it_broke",
    ),
    "an S3 link that expires in mid-upload, an S3 server that is away, a part damaged there": (
        "integration/storage/test_by_bucket.test_a_link_that_expires_meanwhile_is_asked_for_anew",
        "integration/storage/test_by_bucket.test_an_s3_server_that_is_away_delays_and_loses_nothing",
        "integration/storage/test_by_bucket.test_a_part_that_was_damaged_in_the_bucket_is_put_there_anew",
        "integration/storage/test_by_bucket.test_what_was_sent_as_another_size_is_not_taken_in",
    ),
    "a proxy's 404, 413 or 408 in place of the catalog's": (
        "integration/storage/test_bad_ways.test_a_proxy_that_limits_bodies_and_errs_now_and_then_costs_time_alone",
        "integration/jobs/test_runtime.test_a_proxys_own_words_are_no_answer_of_the_catalog",
    ),
    "a full disk on either side": (
        "integration/storage/test_full_disks.test_a_worker_without_room_for_a_source_keeps_what_it_has_for_later",
        "integration/storage/test_full_disks.test_a_web_host_without_room_gets_the_result_when_it_has_room_again",
        "integration/media/test_encode_course.test_a_full_disk_is_called_so",
    ),
}


@pytest.mark.parametrize("case", [*OF_A_POD, *OF_A_HOST])
def test_each_case_has_tests(case: str) -> None:
    tests = (OF_A_POD | OF_A_HOST)[case]
    assert tests and missing(tests) == []
