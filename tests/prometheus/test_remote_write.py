"""Samples that fabd sends, as a Prometheus that receives them has them."""

from tests.prometheus.programs import eventually


def test_every_port_that_is_scraped_is_sent_too(scene):
    def ports(prometheus):
        return {(each["metric"]["element"], each["metric"]["port"]) for each in prometheus.query("fabd_port_oper_status")}

    def the_same() -> bool:
        received = ports(scene.receiver)
        return bool(received) and received == ports(scene.prometheus)

    eventually(the_same, "every port to be received and scraped")


def test_series_have_the_labels_that_scraped_ones_have_and_those_of_the_settings(scene):
    scraped = scene.prometheus.shown('fabd_port_oper_status{element="pe1", port="ge-0/0/1"}')[0]["metric"]
    sent = scene.receiver.shown('fabd_port_oper_status{element="pe1", port="ge-0/0/1"}')[0]["metric"]
    assert sent == {name: value for name, value in scraped.items() if name != "shard"} | {"site": "lab"}


def test_counters_come_with_the_time_at_which_they_were_read(scene):
    read = 'fabd_port_last_poll_timestamp_seconds{element="pe1", port="ge-0/0/1"}'
    eventually(lambda: scene.receiver.query(read), "samples")
    apart = scene.receiver.query(f"timestamp({read}) - {read}")[0]["value"][1]
    assert abs(float(apart)) < 0.001


def test_none_is_lost(scene):
    drops = scene.prometheus.shown("fabd_remote_write_samples_dropped_total")
    lost = {each["metric"]["reason"]: each["value"][1] for each in drops}
    assert lost == {"refused": "0", "too-late": "0", "overtaken": "0", "stopped": "0"}
    assert int(scene.prometheus.shown("fabd_remote_write_samples_total")[0]["value"][1]) > 0
