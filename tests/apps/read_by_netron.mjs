// What Netron makes of a .om file: its own reader without its window.
//   node read_by_netron.mjs FOLDER FILE      prints JSON: format, nodes, their edges and tensors
import { readFileSync } from 'node:fs';

const [folder, file] = process.argv.slice(2);
const om = await import(`${folder}/om.js`);
const base = await import(`${folder}/base.js`);

class Metadata {
    constructor(types) {
        this.types = new Map(types.map((type) => [type.name, type]));
    }
    type(name) {
        return this.types.get(name);
    }
    attribute() {
        return null;
    }
}

const context = {
    stream: new base.BinaryStream(readFileSync(file)),
    set(type, value) {
        this.type = type;
        this.value = value;
        return type;
    },
    async metadata(name) {
        return new Metadata(JSON.parse(readFileSync(`${folder}/${name}`, 'utf-8')));
    },
    async require(name) {
        return import(`${folder}/${name}.js`);
    },
};
const factory = new om.ModelFactory();
if (await factory.match(context) !== 'om') {
    throw new Error('no .om by its first bytes');
}
const model = await factory.open(context);
const shape = (value) => (value.type ? value.type.shape.dimensions.map(Number) : null);
const values = (list) => list.flatMap((argument) => argument.value);
console.log(JSON.stringify({
    format: model.format,
    graphs: model.modules.map((graph) => ({
        name: graph.name,
        nodes: graph.nodes.map((node) => ({
            name: node.name,
            type: node.type.name,
            inputs: values(node.inputs).filter((v) => !v.initializer).map((v) => v.name),
            outputs: values(node.outputs).map((v) => v.name),
            tensors: values(node.inputs).filter((v) => v.initializer)
                .map((v) => ({ shape: shape(v), bytes: v.initializer.values?.length ?? 0 })),
        })),
    })),
}));
