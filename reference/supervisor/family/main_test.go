package family

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/reference/keeper"
)

// The keepers of these tests are this binary.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == keeperName {
		if err := keeper.Main(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(apart.Run(m.Run))
}
