package wait

import (
	"context"
	"time"
)

type Strategy interface{}
type S struct{}

func (s S) WithDeadline(time.Duration) S              { return s }
func (s S) WaitUntilReady(context.Context, any) error { return nil }
func (s S) WithPort(string) S                         { return s }
func (s S) WithStartupTimeout(time.Duration) S        { return s }
func ForAll(...Strategy) S                            { return S{} }
func ForListeningPort(string) S                       { return S{} }
func ForHTTP(string) S                                { return S{} }
func ForLog(string) S                                 { return S{} }
