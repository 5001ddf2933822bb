package main

import (
	"os"
	"strings"
	"testing"
)

func TestBuiltInNamesAreOfferedForAFileThatIsNotThereOnly(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("wrong.yaml", []byte("schema: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for named, offered := range map[string]bool{"refrence": true, "wrong.yaml": false} {
		_, err := loadImplementation(t.Context(), named, nil)
		if err == nil || strings.Contains(err.Error(), "built in are") != offered {
			t.Errorf("%s: %v", named, err)
		}
	}
}
