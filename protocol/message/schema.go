package message

import (
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-conformance/understudy/protocol/release"
)

// The versions of the supervisor schema that releases have. A runtime in another
// language is built against one of them and must not get what came later. They
// are independent of the versions of the HTTP API.
const (
	Schema20260616 = "2026-06-16" // Airflow 3.3
	Schema20261030 = "2026-10-30" // Airflow 3.4
)

// schemas has the release of each version.
var schemas = map[string]string{Schema20260616: "3.3", Schema20261030: "3.4"}

// UnknownSchemaError reports a schema version that no release has.
type UnknownSchemaError struct{ Version string }

func (e *UnknownSchemaError) Error() string {
	return fmt.Sprintf("unknown supervisor schema version %.40q, known are %q", e.Version, slices.Sorted(maps.Keys(schemas)))
}

// AtSchema is AtVersion of the release with that schema version. The empty version
// asks for the newest, and gives body itself.
func AtSchema(body Body, version string) (Body, error) {
	if version == "" {
		return body, nil
	}
	of, known := schemas[version]
	if !known {
		return nil, &UnknownSchemaError{Version: version}
	}
	return AtVersion(body, release.MustParse(of))
}
