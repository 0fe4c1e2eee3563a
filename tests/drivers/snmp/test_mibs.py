from pysnmp.entity.engine import SnmpEngine

from drivers.snmp import mibs


def symbols(engine: SnmpEngine) -> dict[str, set[str]]:
    return {module: set(names) for module, names in engine.get_mib_builder().mibSymbols.items()}


def test_an_engine_has_all_that_pysnmp_gives_its_own():
    assert symbols(mibs.engine()) == symbols(SnmpEngine())


def test_engines_share_no_object_that_has_state():
    ones, others = (each.get_mib_builder() for each in (mibs.engine(), mibs.engine()))
    (boots,), (other,) = (each.import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineBoots") for each in (ones, others))
    boots.syntax += 7
    assert other.syntax == boots.syntax - 7
