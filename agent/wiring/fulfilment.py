"""Fulfilment, with assurance and measurement as it knows them, and what its worker does for others."""

from collections.abc import Mapping
from datetime import timedelta

from agent.api.tmf import monitors
from agent.api.tmf.presenter import TmfPresenter
from agent.assurance.alarms.driftalarm import watch_drift
from agent.assurance.lifecycle import AssuranceLifecycle
from agent.config import FulfillmentSettings
from agent.fulfillment.approval import ApprovalRule
from agent.fulfillment.freezes import WeeklyFreeze
from agent.fulfillment.journal import Checkpoint
from agent.fulfillment.service import FulfilmentService
from agent.fulfillment.service import Parts as FulfilmentParts
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.worker import Handler
from agent.measurement.service import MeasurementService
from agent.wiring.base import Base


def fulfilment(
    base: Base,
    lifecycle: AssuranceLifecycle,
    measurement: MeasurementService,
    handlers: Mapping[str, Handler],
    checkpoint: Checkpoint,
) -> FulfilmentService:
    return FulfilmentService(
        FulfilmentParts(
            database=base.database,
            clock=base.clock,
            catalog=base.catalog,
            queue=base.queue,
            drivers=base.drivers,
            credentials=base.credentials.resolve,
            lifecycle=lifecycle,
            settings=fulfilment_settings(base.settings.fulfillment),
            known_hosts=base.settings.known_hosts_file,
            presenter=TmfPresenter(),
            platforms=base.platforms,
            checkpoint=checkpoint,
            measure=measurement.acceptor.measure,
            drift_watch=watch_drift,
            follower=monitors.follow,
            handlers=handlers,
        )
    )


def fulfilment_settings(settings: FulfillmentSettings) -> FulfilmentSettings:
    return FulfilmentSettings(
        carries_out=settings.carry_out,
        workers=settings.workers,
        most_workers=settings.most_workers,
        elements_at_once=settings.element_parallelism,
        connect_timeout=_seconds(settings.connect_timeout_s),
        stage_timeout=_seconds(settings.stage_timeout_s),
        commit_timeout=_seconds(settings.commit_timeout_s),
        finish_timeout=_seconds(settings.finish_timeout_s),
        confirm_timeout=_seconds(settings.confirm_timeout_s),
        verify_timeout=_seconds(settings.verify_timeout_s),
        plan_timeout=_seconds(settings.plan_deadline_s),
        lease=_seconds(settings.lease_s),
        approval=tuple(
            ApprovalRule(tuple(rule.specifications), rule.elements_over, rule.services_over, rule.except_urgent)
            for rule in settings.approval
        ),
        approval_wait=timedelta(days=settings.approval_wait_days),
        reference_wait=timedelta(days=settings.reference_wait_days),
        freezes=tuple(WeeklyFreeze(freeze.reason, freeze.hours(), freeze.urgent_passes) for freeze in settings.freeze),
    )


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)
