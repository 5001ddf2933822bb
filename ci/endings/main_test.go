//go:build endings

package endings

import (
	"os"
	"testing"

	"github.com/understudy-conformance/understudy/internal/apart"
)

func TestMain(m *testing.M) { os.Exit(apart.Run(m.Run)) }
