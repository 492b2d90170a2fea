"""The identity provider of the tests of what this end makes of assertions, and a configuration that knows it."""

from administering import BASE, POLICY

from integration.saml_provider import ENTITY, IdentityProvider, changed

US = f"{BASE}/signin/campus"
PEOPLE = (
    POLICY
    + """\
admin:
  people:
    campus:
      kind: saml
      metadata: idp.xml
      assertions: {groups: groups, roles: roles, attributes: {mail: mail}}
      strong: ["urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken"]
"""
)

__all__ = ["ENTITY", "PEOPLE", "US", "IdentityProvider", "changed"]
