"""Where each API lives: the `basePath` of its official Swagger file, and references between resources."""

SERVICE_ORDERING = "/tmf-api/serviceOrdering/v4"
SERVICE_INVENTORY = "/tmf-api/serviceInventory/v4"
TROUBLE_TICKET = "/tmf-api/troubleTicket/v4"
USAGE = "/tmf-api/usageManagement/v4"
SERVICE_CATALOG = "/tmf-api/serviceCatalogManagement/v4"
RESOURCE_INVENTORY = "/tmf-api/resourceInventoryManagement/v4"
SERVICE_ACTIVATION = "/tmf-api/ServiceActivationAndConfiguration/v4"
SERVICE_QUALIFICATION = "/tmf-api/serviceQualificationManagement/v4"
ALARM = "/tmf-api/alarm/v4"
ALARM_MANAGEMENT = "/tmf-api/alarmManagement/v4"
"""What clients in the field call it."""
SERVICE_PROBLEM = "/tmf-api/serviceProblemManagement/v4"
SERVICE_QUALITY = "/tmf-api/serviceQualityManagement/v4"

SERVICE_TEST = "/tmf-api/serviceTestManagement/v4"


def order_href(order_id: str) -> str:
    return f"{SERVICE_ORDERING}/serviceOrder/{order_id}"


def cancellation_href(cancellation_id: str) -> str:
    return f"{SERVICE_ORDERING}/cancelServiceOrder/{cancellation_id}"


def service_href(service_id: str) -> str:
    return f"{SERVICE_INVENTORY}/service/{service_id}"


def specification_href(name: str) -> str:
    return f"{SERVICE_CATALOG}/serviceSpecification/{name}"


def resource_href(resource_id: str) -> str:
    return f"{RESOURCE_INVENTORY}/resource/{resource_id}"


def ticket_href(ticket_id: str) -> str:
    return f"{TROUBLE_TICKET}/troubleTicket/{ticket_id}"


def alarm_href(alarm_id: str) -> str:
    return f"{ALARM}/alarm/{alarm_id}"


def problem_href(problem_id: str) -> str:
    return f"{SERVICE_PROBLEM}/serviceProblem/{problem_id}"


def usage_href(usage_id: str) -> str:
    return f"{USAGE}/usage/{usage_id}"


def activation_href(service_id: str) -> str:
    return f"{SERVICE_ACTIVATION}/service/{service_id}"
