"""What a change means for callers of the Python API, which version follows, and what the changelog says.

It compares the specifications (what calls accept and return) and the public Python surface (read by griffe, without
importing it) with those of a release, kept in `tests/released/<version>/` by `record`.

Commands, all run in the root of the repository and also reachable through `./scripts/regenerate`:

    python -m reporter report [BASE] [--format text|markdown|json]     ./scripts/regenerate --report ...
    python -m reporter report BASE --spec SPEC [--package NAME] ...    the same for the specification of another package
    python -m reporter record --version X --output FOLDER              ./scripts/regenerate --record X
    python -m reporter inferred [--spec SPEC] [--format ...]           ./scripts/regenerate --inferred ...

`BASE` is a version below `tests/released/`, a folder made by `record`, or a git revision; by default the newest version
below `tests/released/` that is not a pre-release.

With `--spec`, `BASE` is an older copy of that specification, such as the `openapi.yaml` of the generated package, or a
git revision of its repository. The packages that are generated from both are compared as well.

The JSON form of a report is a contract for other scripts. Keys may be added to it, none is removed:

    {
      "base": "0.1.0",         version of what is compared with
      "current": "0.1.0",      version of this tree, from facade/invigilate/_version.py
      "next": "0.2.0",         lowest version for these changes; equal to base if nothing changed
      "breaking": true,        whether any change breaks callers
      "changes": [             each change once, breaking ones first; [] if nothing changed
        {
          "kind": "renamed",   added | removed | renamed | changed | deprecated | fails
          "area": "field",     operation | parameter | field | enum value | sid | surface | released types |
                               released calls | documentation | specification
          "name": "JobTrainingSessionResult.checklist_title",
          "breaking": true,
          "reason": "code that reads ...",
          "was": "...",        text or null
          "now": "...",        text or null
          "where": ["..."],    client calls concerned, and names in Python or the specification
          "uses": ["..."]      the lines of this tree that still use the old name, as file:line
        }
      ],
      "changelog": "### Changed\\n\\n- ...",   the section's content, without its version heading; "" if nothing changed
      "notes": ["..."],        which checks of the release were run against this tree
      "specification": "",     with --spec its file; base and current are then the versions that it states, next is the
                               part to raise (major, minor, patch or none), and notes say what is refused
      "unimportable": null     why the facade cannot be imported, as text; the report is incomplete then
    }

That of `inferred` is one too: a list of

    {
      "specification": "...",  the file
      "operations": ["..."],   the operations concerned, by operationId; [] if none refers to it
      "pointer": "#/...",      its place, as a JSON pointer
      "place": "#/...",        the same with names of parameters instead of their indexes
      "reason": "..."          what it says
    }

Exit codes: 0 if the report was created, whatever its result and even if incomplete; 2 if not, with the reason on
stderr. `record` exits with 0 if the folder was written, with 2 otherwise; it replaces an earlier record, unless that
version is released: the tag `v<version>` exists.
"""
