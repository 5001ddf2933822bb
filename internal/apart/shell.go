package apart

import (
	"bufio"
	"os/exec"
	"syscall"
	"testing"
)

// Shell starts a shell that executes the script, then says that it is ready, and ends with
// the test. It returns when the script has been executed.
func Shell(t testing.TB, script string, attributes *syscall.SysProcAttr) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", script+"; echo ready; read line")
	cmd.SysProcAttr = attributes
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatalf("the shell did not get ready: %v", err)
	}
	return cmd
}
