package account

import (
	"os/exec"
	"syscall"
)

// SearchPath is the PATH of every process that is started as an account.
const SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// RunAs makes cmd run as an account of the sandbox, with that account's
// environment and groups. It is an error if there is no such account.
func RunAs(cmd *exec.Cmd, user string) error {
	a, err := Find(user)
	if err != nil {
		return err
	}
	cmd.Env = []string{"PATH=" + SearchPath, "HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "SHELL=" + a.Shell, "LANG=C.UTF-8"}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = a.Credential()
	return nil
}

// Credential is what a process of the account is started with.
func (a Account) Credential() *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID), Groups: []uint32{uint32(a.GID)}}
	for _, g := range a.Groups {
		c.Groups = append(c.Groups, uint32(g))
	}
	return c
}
