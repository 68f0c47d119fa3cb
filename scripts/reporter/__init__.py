"""What a change means for callers of the Python API, which version follows, and what the changelog says.

Compared are the specifications (what the calls take and give) and the public Python surface (read by griffe, without
importing it) with those of a release, kept in `tests/released/<version>/` by `record`.

Commands, all run in the root of the repository and also reachable through `./scripts/regenerate`:

    python -m reporter report [BASE] [--format text|markdown|json]     ./scripts/regenerate --report ...
    python -m reporter record --version X --output FOLDER              ./scripts/regenerate --record X
    python -m reporter inferred [--format text|markdown|json]          ./scripts/regenerate --inferred

`BASE` is a version below `tests/released/`, a folder made by `record`, or a git revision; by default the newest version
below `tests/released/` that is no pre-release.

The JSON form of a report is a contract for other scripts. Members may be added to it, none goes:

    {
      "base": "0.1.0",         version of what is compared with
      "current": "0.1.0",      version of this tree, from facade/invigilate/_version.py
      "next": "0.2.0",         lowest version that these changes may be released as; equal to base if nothing changed
      "breaking": true,        whether any change breaks callers
      "changes": [             each change once, those that break first; [] if nothing changed
        {
          "kind": "renamed",   added | removed | renamed | changed | deprecated | no longer holds
          "area": "field",     operation | parameter | field | enum value | sid | surface | released types |
                               released calls | documentation | specification
          "name": "JobTrainingSessionResult.checklist_title",
          "breaking": true,
          "reason": "code that reads ...",
          "was": "...",        text or null
          "now": "...",        text or null
          "where": ["..."]     calls of the clients that it concerns, and names in Python or the specification
        }
      ],
      "changelog": "### Changed\\n\\n- ...",   the section's content, without its version heading; "" if nothing changed
      "notes": ["..."],        what the release kept and was run against this tree
      "unimportable": null     why the facade cannot be imported, as text; the report is incomplete then
    }

That of `inferred` is one too: a list of

    {
      "specification": "...",  the file
      "operations": ["..."],   the operations that it concerns, by operationId; [] for what none refers to
      "pointer": "#/...",      where it stands, as a JSON pointer
      "place": "#/...",        the same for people, with the names of parameters in place of their numbers
      "reason": "..."          what it says
    }

Exit codes: 0 the report could be made, whatever it says, an incomplete one included; 2 it could not, and stderr says
why. `record` exits with 0 when the folder was written, with 2 otherwise; it replaces what a former run wrote, but for
the record of a version that is released: the tag `v<version>` exists.
"""
