import os,pty,termios,json,fcntl,time,sys
# Records test/unit/tty/linux-sessions.json: python3 record.py linux-sessions.json, on Linux.
def rd(fd):
    out=b''
    try:
        while True:
            b=os.read(fd,65536)
            if not b: out+=b''; return out,True
            out+=b
    except BlockingIOError: return out,False
    except OSError: return out,False
def session(name, data, prompt=b'', iflag=None, lflag=None, oflag=None):
    m,s=pty.openpty()
    a=termios.tcgetattr(s)
    I=termios.ICRNL|termios.IXON|0x4000; O=termios.OPOST|termios.ONLCR
    L=termios.ISIG|termios.ICANON|termios.ECHO|termios.ECHOE|termios.ECHOK|termios.ECHOCTL|termios.ECHOKE|termios.IEXTEN
    a[0]=I if iflag is None else iflag(I); a[1]=O if oflag is None else oflag(O); a[3]=L if lflag is None else lflag(L)
    termios.tcsetattr(s,termios.TCSANOW,a)
    for fd in (m,s): fcntl.fcntl(fd,fcntl.F_SETFL,os.O_NONBLOCK)
    if prompt: os.write(s,prompt)
    for piece in data: 
        os.write(m,piece); time.sleep(0.01)
    time.sleep(0.05)
    reads=[]
    while True:
        try: b=os.read(s,65536)
        except OSError: break
        reads.append(b.decode('latin1'))
        if len(reads)>50: break
    shown,_=rd(m)
    os.close(m);os.close(s)
    a=a
    return dict(name=name,prompt=prompt.decode('latin1'),typed=b''.join(data).decode('latin1'),inputFlags=a[0],outputFlags=a[1],localFlags=a[3],reads=reads,shown=shown.decode('latin1'))
T=termios
S=[
 session('a line',[b'hello\r']),
 session('erase',[b'helo\x7f\x7fllo\r']),
 session('erase at the start',[b'\x7f\x7fa\r']),
 session('erase a character of several bytes','aé€😀'.encode()and['aé€😀'.encode()+b'\x7f\x7fx\r']),
 session('erase a tab behind a prompt',[b'ab\tc\x7f\x7f\x7fx\r'],prompt=b'> '),
 session('erase a control character',[b'a\x01\x02\x7fb\r']),
 session('word erase',[b'one two  \x17\x17three\r']),
 session('kill',[b'first line\x15second\r'],prompt=b'$ '),
 session('kill without erasing',[b'first\x15second\r'],lflag=lambda l:l&~T.ECHOKE),
 session('erase without erasing',[b'ab\x7fc\r'],lflag=lambda l:l&~T.ECHOE),
 session('literal next',[b'a\x16\x03b\x16\x7f\r']),
 session('reprint',[b'abc\x12d\r'],prompt=b'? '),
 session('end of file',[b'abc\x04',b'\x04']),
 session('two lines and the end of file',[b'a\rb\nc\x04\x04']),
 session('no echo',[b'secret\r'],lflag=lambda l:l&~T.ECHO),
 session('no echo but for newlines',[b'secret\r'],lflag=lambda l:(l&~T.ECHO)|T.ECHONL),
 session('control characters as they are',[b'\x01\x1b[A\r'],lflag=lambda l:l&~T.ECHOCTL),
 session('escape sequences of keys',[b'\x1b[A\x1bOP\x1b[31~\r']),
 session('not canonical, with echo',[b'ab\r\x04\x7f\t'],lflag=lambda l:l&~T.ICANON),
 session('raw',[b'ab\r\n\x03\x04\x11\x13\xff\x00'],iflag=lambda i:0,lflag=lambda l:0,oflag=lambda o:0),
 session('as Node sets it',[b'ab\r\n\x03\x04\x11\x13\xff'],iflag=lambda i:i&~(T.BRKINT|T.ICRNL|T.INPCK|T.ISTRIP|T.IXON),lflag=lambda l:l&~(T.ECHO|T.ICANON|T.IEXTEN|T.ISIG)),
 session('carriage returns ignored',[b'a\rb\n'],iflag=lambda i:(i&~T.ICRNL)|T.IGNCR),
 session('newlines to carriage returns',[b'a\nb\r\n\x04'],iflag=lambda i:(i&~T.ICRNL)|T.INLCR),
 session('seven bits',[b'\xe1\xe2c\r'],iflag=lambda i:i|T.ISTRIP),
 session('lower case',[b'ABc\r'],iflag=lambda i:i|T.IUCLC),
 session('bytes that are no characters',[b'a\x80\xff\xc3\x7f\x7fb\r']),
 session('without output processing',[b'a\r'],oflag=lambda o:0),
 session('a line that is too long',[b'x'*4000,b'x'*200+b'\r',b'y\r']),
 session('marked bytes',[b'a\xffb\r'],iflag=lambda i:i|T.PARMRK),
 session('a signal takes back what was typed',[b'abc\x03d\r']),
 session('a signal without flushing',[b'abc\x03d\r'],lflag=lambda l:l|T.NOFLSH),
]
json.dump(S,open(sys.argv[1],'w'),indent=1)
for x in S: print(x['name'],repr(x['typed'][:40]),[r[:50] for r in x['reads']],repr(x['shown'][:80]))
