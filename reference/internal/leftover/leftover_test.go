package leftover

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestListSeesWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	lists := func(kind, text string) bool {
		t.Helper()
		found, err := List(dir)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(found[kind], func(line string) bool { return strings.Contains(line, text) })
	}
	file, err := os.CreateTemp(dir, "leftover")
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	socket, err := net.Listen("unix", file.Name()+".sock")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	child := exec.Command("/bin/sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for kind, text := range map[string]string{"files": file.Name(), "/proc/net/unix": file.Name() + ".sock", "processes": "(sleep)"} {
		if !lists(kind, text) {
			t.Errorf("%s: no %s", kind, text)
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	socket.Close()
	os.Remove(file.Name())
	for kind, text := range map[string]string{"files": file.Name(), "/proc/net/unix": file.Name()} {
		if lists(kind, text) {
			t.Errorf("%s: %s is still there", kind, text)
		}
	}
}
