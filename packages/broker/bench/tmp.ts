import { rmSync } from 'node:fs'
import { SqliteEngine } from '../src/store/sqlite-engine.ts'
import { GroupWriter, code } from '../src/store/group.ts'
import { Times } from '../src/store/message-codec.ts'
import { systemClock } from '../src/clock.ts'
rmSync('/tmp/sb/e',{recursive:true,force:true})
const e=new SqliteEngine({folder:'/tmp/sb/e'}); const scan=e.scan()
const w=new GroupWriter(new Times(1,systemClock),0)
const payload=new Uint8Array(100)
let p=0
const enc:number[]=[], app:number[]=[]
const cpu=()=>performance.now()*1000
const G=Number(process.argv[2]??1000), R=Number(process.argv[3]??300)
const kind=process.argv[4]??'synced'
for(let g=0;g<R;g++){
  const ops:any[]=[]
  for(let i=0;i<G;i++){ const message={topicName:'plant/line-4/oven/temperature',payload,qos:1,retain:false,properties:{},publisher:'sensor-12',arrivedAt:p,expiresAt:Infinity}
   ops.push({code:code.queued,session:1+p%1000,position:++p,packetIdentifier:0,state:0,body:{position:p,message,qos:1,retain:false,subscriptionIdentifiers:[],sharedFilter:undefined,packetIdentifier:0,state:'queued'},isNeeded:true,lastState:0,lastPacketIdentifier:0})}
  const t0=cpu(); const group=w.write([ops]); const t1=cpu(); e.apply(group,kind as any); const t2=cpu()
  if(g>R/4){enc.push(t1-t0); app.push(t2-t1)}
}
const med=(a:number[],q:number)=>a.sort((x,y)=>x-y)[Math.floor(a.length*q)]!/G
console.log('G',G,kind,'encode µs p25',med(enc,.25).toFixed(2),'apply µs p25',med(app,.25).toFixed(2),'mean',(app.reduce((a,b)=>a+b)/app.length/G).toFixed(2))
e.close()
